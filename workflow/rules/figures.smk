# Figures: each as PDF and, for the report, as PNG; parameters that no script reads fill the captions.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    figure_phase_map,
    figure_convergence,
    figure_ceiling,
    figure_learning_curves,
    figure_success,
    figure_sizes,
    figure_route_costs,
    figure_generalization,
    figure_superiority,
    figure_transfer,
    figure_interface,
    figure_site_tensors,


rule figure_phase_map:
    input:
        map=f"{RESULTS}/maps/{{map}}.h5",
    output:
        pdf=f"{FIGURES}/phase_map_{{map}}.pdf",
        png=report(
            f"{FIGURES}/phase_map_{{map}}.png",
            caption="../report/phase_map.rst",
            category="Labels",
            subcategory=lambda w: system_of(STUDY["maps"][w.map]).task,
            labels={"result": "phase diagram", "of": "{map}"},
        ),
    log:
        f"{LOGS}/figure_phase_map/{{map}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_phase_map/{{map}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_phase_map.py"),
        name=lambda w: w.map,
        recipe=lambda w: STUDY["maps"][w.map],
        boundary=lambda w: system_of(STUDY["maps"][w.map])()
        .phase_planes()[STUDY["maps"][w.map]["plane"]]
        .source,
    message:
        "Drawing the phase diagram of {wildcards.map}"
    script:
        "../../scripts/figure_phase_map.py"


rule figure_convergence:
    input:
        table=f"{RESULTS}/convergence/{{convergence}}.csv",
    output:
        pdf=f"{FIGURES}/convergence_{{convergence}}.pdf",
        png=report(
            f"{FIGURES}/convergence_{{convergence}}.png",
            caption="../report/convergence.rst",
            category="Labels",
            subcategory=lambda w: system_of(STUDY["convergence"][w.convergence]).task,
            labels={"result": "error against size", "of": "{convergence}"},
        ),
    log:
        f"{LOGS}/figure_convergence/{{convergence}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_convergence/{{convergence}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_convergence.py"),
        name=lambda w: w.convergence,
        recipe=lambda w: STUDY["convergence"][w.convergence],
        task=lambda w: system_of(STUDY["convergence"][w.convergence]).task,
    message:
        "Drawing the errors of the estimators, {wildcards.convergence}"
    script:
        "../../scripts/figure_convergence.py"


rule figure_ceiling:
    input:
        table=f"{RESULTS}/ceiling/{{ceiling}}.csv",
    output:
        pdf=f"{FIGURES}/ceiling_{{ceiling}}.pdf",
        png=report(
            f"{FIGURES}/ceiling_{{ceiling}}.png",
            caption="../report/ceiling.rst",
            category="Labels",
            subcategory=lambda w: system_of(STUDY["ceiling"][w.ceiling]).task,
            labels={"result": "agreement of estimators", "of": "{ceiling}"},
        ),
    log:
        f"{LOGS}/figure_ceiling/{{ceiling}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_ceiling/{{ceiling}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_ceiling.py"),
        name=lambda w: w.ceiling,
        recipe=lambda w: STUDY["ceiling"][w.ceiling],
    message:
        "Drawing how often the estimators agree, {wildcards.ceiling}"
    script:
        "../../scripts/figure_ceiling.py"


rule figure_learning_curves:
    input:
        histories=lambda w: run_files("history.csv", [w.task]),
    output:
        pdf=f"{FIGURES}/learning_curves_{{task}}.pdf",
        png=report(
            f"{FIGURES}/learning_curves_{{task}}.png",
            caption="../report/learning_curves.rst",
            category="Training",
            subcategory="{task}",
            labels={"result": "learning curves", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_learning_curves/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_learning_curves/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_learning_curves.py"),
        task=lambda w: w.task,
        threshold=STUDY["success"]["balanced_accuracy"],
        n_seeds=lambda w: n_seeds(trained_models(STUDY, w.task)),
        n_samples=lambda w: split_sizes(w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing the learning curves, {wildcards.task}"
    script:
        "../../scripts/figure_learning_curves.py"


rule figure_success:
    input:
        trainability=f"{TABLES}/trainability.csv",
        runs=f"{TABLES}/runs.csv",
    output:
        pdf=f"{FIGURES}/success_{{task}}.pdf",
        png=report(
            f"{FIGURES}/success_{{task}}.png",
            caption="../report/success.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "fraction of successful runs", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_success/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_success/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_success.py"),
        task=lambda w: w.task,
        threshold=STUDY["success"]["balanced_accuracy"],
        n_seeds=lambda w: n_seeds(trained_models(STUDY, w.task)),
        n_samples=lambda w: split_sizes(w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing the fraction of successful runs, {wildcards.task}"
    script:
        "../../scripts/figure_success.py"


rule figure_sizes:
    input:
        trainability=f"{TABLES}/trainability.csv",
    output:
        pdf=f"{FIGURES}/sizes_{{task}}.pdf",
        png=report(
            f"{FIGURES}/sizes_{{task}}.png",
            caption="../report/sizes.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "success against size", "of": "models trained anew"},
        ),
    log:
        f"{LOGS}/figure_sizes/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_sizes/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_sizes.py"),
        task=lambda w: w.task,
        forms=lambda w: sized_forms(w.task),
        threshold=STUDY["success"]["balanced_accuracy"],
        n_seeds=lambda w: n_seeds(STUDY["tasks"][w.task]["sizes"]["models"]),
        most=lambda w: STUDY["tasks"][w.task]["sizes"].get("seeds"),
        n_samples=lambda w: split_sizes(w.task),
        datasets=lambda w: [
            STUDY["tasks"][w.task]["dataset"],
            *other_sizes(STUDY, w.task),
        ],
    message:
        "Drawing success against size, {wildcards.task}"
    script:
        "../../scripts/figure_sizes.py"


rule figure_route_costs:
    input:
        costs=f"{TABLES}/route_costs.csv",
        exponents=f"{TABLES}/route_exponents.csv",
    output:
        pdf=f"{FIGURES}/route_costs.pdf",
        png=report(
            f"{FIGURES}/route_costs.png",
            caption="../report/route_costs.rst",
            category="Trainability",
            subcategory="chern",
            labels={"result": "cost against size", "of": "tensor rings"},
        ),
    log:
        f"{LOGS}/figure_route_costs.log",
    benchmark:
        f"{BENCHMARKS}/figure_route_costs.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_route_costs.py"),
    message:
        "Drawing what the routes of the ring cost"
    script:
        "../../scripts/figure_route_costs.py"


rule figure_generalization:
    input:
        summary=f"{TABLES}/generalization_summary.csv",
    output:
        pdf=f"{FIGURES}/generalization_{{task}}.pdf",
        png=report(
            f"{FIGURES}/generalization_{{task}}.png",
            caption="../report/generalization.rst",
            category="Generalization",
            subcategory="{task}",
            labels={"result": "models on tests", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_generalization/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_generalization/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_generalization.py"),
        task=lambda w: w.task,
        n_seeds=lambda w: n_seeds(tested_models(STUDY, w.task)),
        n_samples=lambda w: test_sizes(w.task),
        kinds=lambda w: kinds_of(STUDY, w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing how the models do on the tests, {wildcards.task}"
    script:
        "../../scripts/figure_generalization.py"


rule figure_superiority:
    input:
        superiority=f"{TABLES}/superiority.csv",
    output:
        pdf=f"{FIGURES}/superiority_{{task}}.pdf",
        png=report(
            f"{FIGURES}/superiority_{{task}}.png",
            caption="../report/superiority.rst",
            category="Generalization",
            subcategory="{task}",
            labels={"result": "hybrid minus best plain network", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_superiority/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_superiority/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_superiority.py"),
        task=lambda w: w.task,
        n_seeds=lambda w: n_seeds(tested_models(STUDY, w.task)),
        n_samples=lambda w: test_sizes(w.task),
        kinds=lambda w: kinds_of(STUDY, w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing by how much the hybrid beats the plain networks, {wildcards.task}"
    script:
        "../../scripts/figure_superiority.py"


rule figure_transfer:
    input:
        summary=f"{TABLES}/generalization_summary.csv",
    output:
        pdf=f"{FIGURES}/transfer_{{task}}.pdf",
        png=report(
            f"{FIGURES}/transfer_{{task}}.png",
            caption="../report/transfer.rst",
            category="Generalization",
            subcategory="{task}",
            labels={"result": "accuracy on other sizes", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_transfer/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_transfer/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_transfer.py"),
        task=lambda w: w.task,
        n_seeds=lambda w: n_seeds(tested_models(STUDY, w.task)),
        n_samples=lambda w: test_sizes(w.task),
        sizes=lambda w: transfer_sizes(w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing how the models do on other sizes, {wildcards.task}"
    script:
        "../../scripts/figure_transfer.py"


rule figure_interface:
    input:
        markers=f"{RESULTS}/interfaces/{{interface}}.h5",
        table=f"{RESULTS}/interfaces/{{interface}}.csv",
    output:
        pdf=f"{FIGURES}/interface_{{interface}}.pdf",
        png=report(
            f"{FIGURES}/interface_{{interface}}.png",
            caption="../report/interface.rst",
            category="Generalization",
            subcategory="two phases in one sample",
            labels={"result": "local markers", "of": "{interface}"},
        ),
    log:
        f"{LOGS}/figure_interface/{{interface}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_interface/{{interface}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_interface.py"),
        recipe=lambda w: INTERFACES[w.interface],
        dataset=lambda w: STUDY["tasks"]["chern"]["dataset"],
    message:
        "Drawing the markers of both phases, {wildcards.interface}"
    script:
        "../../scripts/figure_interface.py"


rule figure_site_tensors:
    input:
        site_tensors=f"{RESULTS}/trainability/{{task}}/site_tensors.h5",
    output:
        pdf=f"{FIGURES}/site_tensors_{{task}}.pdf",
        png=report(
            f"{FIGURES}/site_tensors_{{task}}.png",
            caption="../report/site_tensors.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "learned site tensors", "of": "tensor rings"},
        ),
    log:
        f"{LOGS}/figure_site_tensors/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_site_tensors/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_site_tensors.py"),
        task=lambda w: w.task,
        n_seeds=lambda w: n_seeds(random_rings(w.task), n_blocks=1),
        n_samples=lambda w: split_sizes(w.task),
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
    message:
        "Drawing the learned site tensors, {wildcards.task}"
    script:
        "../../scripts/figure_site_tensors.py"
