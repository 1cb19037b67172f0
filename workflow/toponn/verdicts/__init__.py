"""Tables in, sentences out.

- `claims`: what the source paper claims, and its verdicts; `claims_page`
- `answers`: what makes a model easy or hard to train; `answers_page`
- `pages`: the frame of both pages
"""
