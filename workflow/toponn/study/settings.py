"""What a study may say: `Study` is the one definition of its keys, their types, meanings and defaults."""

from typing import Annotated, Literal

from annotated_types import Ge, Le, Len
from pydantic import Field, field_validator

from toponn.study.entries import Ceiling, Convergence, Dataset, Interface, Map, Sample
from toponn.study.kinds import EACH_ONCE, NOT_EMPTY, Name, Names, Root, Settings
from toponn.study.members import AnyDiagnosis, AnyModel, DiagnosisEntry, ModelEntry, SuccessTable
from toponn.tools.options import Count, Seeds

__all__ = ["DiagnosisEntry", "ModelEntry", "Study", "Task"]

MostSeeds = Annotated[dict[Name, Seeds], Field(title="names, each with the most seeds of a model that it takes")]


class Search(Settings):
    """How learning rates and weight decays given as lists are chosen, on the validation split."""

    seeds: Seeds = Field(3, description="Seeds of each trial, none of which is a seed of the study.")


class Tests(Settings):
    """Datasets that trained weights meet without refitting, beside the one that they were trained on."""

    sizes: Names = Field([], description="Smaller and larger samples.")
    shapes: Names = Field([], description="Samples of another outline.")
    lattices: Names = Field([], description="Other lattices and systems, of any shape.")
    disorder: Names = Field([], description="Other kinds and strengths of disorder.")
    integers: Names = Field([], description="Invariants that training never shows.")
    gauge: Names = Field([], description="Other bases of every site.")


class Sizes(Settings):
    """How success depends on the size of the training samples, that of the task's dataset included."""

    datasets: Names = Field(description="Of other sizes, with all three splits, that the models are trained on anew.")
    models: Names = Field(description="Models of the task that are trained on them.")
    seeds: Seeds | None = Field(None, description="At most so many seeds of each; all of them by default.")


class LeftOut(Settings):
    """Leave-one-lattice-out: which lattices a model reads that it was not trained on."""

    datasets: Annotated[Names, Len(2)] = Field(
        description="Datasets with all three splits, of which each is left out once: models are trained on all others "
        "together and tested on it."
    )
    models: Names = Field(description="Models of the task with a random start that take samples of any size.")
    seeds: Seeds = Field(description="Seeds of each model and dataset that is left out.")


class Diagnosed(Settings):
    """The models whose training the diagnostics of the section trainability take apart."""

    models: Names = Field([], description="Models of the task with a random start.")
    seeds: MostSeeds = Field(
        {}, description="The most seeds of some of them, where fewer than a diagnostic's own are enough."
    )


class Task(Settings):
    """What is trained on what, and tested on what."""

    dataset: Name = Field(description="What the models are trained on; it has all three splits.")
    models: Annotated[Names, Len(1)] = Field(description="Keys of `models`; at least one has a random start.")
    tests: Tests = Field(Tests(), description="Further datasets that the trained weights meet, by what they change.")
    test_seeds: MostSeeds = Field(
        {}, description="The most seeds of every model on some of the tests, where more would take too long."
    )
    proxies: Names = Field(
        [], description="Tests on which something that is easier to read than the invariant says otherwise."
    )
    sizes: Sizes | None = Field(None, description="Trained anew on samples of other sizes.")
    left_out: LeftOut | None = Field(None, description="Trained on several lattices, tested on another.")
    clean: Name | None = Field(
        None,
        description="The task's dataset without disorder, which models are trained on to see who then reads "
        "disordered samples.",
    )
    many: Name | None = Field(
        None, description="A dataset with as many training samples as sample complexity is measured up to."
    )
    smaller: Names = Field(
        [],
        description="Datasets of smaller samples with all three splits: basins are measured on them too, and growing "
        "starts from them.",
    )
    scaling: Names = Field(
        [], description="Datasets of many sizes, on whose test splits gradients at the start are measured."
    )
    diagnosed: Diagnosed = Field(Diagnosed(), description="Models whose training is taken apart.")


class Tasks(Settings):
    """The tasks of a study, at least one."""

    winding: Task | None = Field(None, description="Chains: 1D, class AIII.")
    chern: Task | None = Field(None, description="The plane: 2D, class A.")


class BeyondDense(Settings):
    """A trained ring on samples whose projector is a polynomial of the sparse Hamiltonian."""

    model: Name = Field(description="A hybrid that the task chern trains from a random start, of any size.")
    seeds: Seeds = Field(10, description="Of its first block, at most.")
    vectors: Annotated[int, Ge(2)] = Field(
        8, description="Random vectors of the stochastic trace; error bars are over these."
    )
    sides: Annotated[list[Annotated[int, Ge(6), Le(400)]], Len(1), EACH_ONCE] = Field(
        [12, 16, 24, 32, 48, 64, 96],
        description="Of the squares, in units of length; those up to 24 are evaluated through dense matrices too.",
    )
    samples: Annotated[dict[Name, Sample], Field(title="samples of the plane by name")] = Field(
        description="What is drawn at each side, by name."
    )


class Study(Settings):
    """Everything that a user says."""

    study: Name = Field(description="Names the folder under results/.")
    seed: Root = Field(description="Every random number of the study descends from this one.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where models are trained and tested; auto is CUDA where torch finds it, else the CPU."
    )
    block: Count = Field(50, description="Seeds of a model that one job trains together.")
    success: SuccessTable = Field(SuccessTable(), description="When a run counts as a success.")
    search: Search = Field(Search(), description="How learning rates given as lists are chosen.")
    tasks: Annotated[Tasks, NOT_EMPTY] = Field(description="winding: chains; chern: the plane.")
    models: Annotated[dict[Name, AnyModel], Len(1), Field(title="models by name")] = Field(
        description="By name, which is theirs in every table and figure."
    )
    datasets: Annotated[dict[Name, Dataset], Len(1), Field(title="recipes of datasets by name")] = Field(
        description="Recipes of datasets, by name."
    )
    trainability: Annotated[dict[Name, AnyDiagnosis], Field(title="diagnostics by name")] = Field(
        {}, description="How training is taken apart; a diagnostic that is not named is not made."
    )
    interfaces: Annotated[dict[Name, Interface], Field(title="samples with two phases by name")] = Field(
        {}, description="Samples with two phases, by name."
    )
    beyond_dense: BeyondDense | None = Field(None, description="A trained ring on samples beyond dense matrices.")
    maps: Annotated[dict[Name, Map], Field(title="labelled phase diagrams by name")] = Field(
        {}, description="Labelled phase diagrams, by name."
    )
    convergence: Annotated[dict[Name, Convergence], Field(title="studies of convergence by name")] = Field(
        {}, description="Studies of the estimators' convergence, by name."
    )
    ceiling: Annotated[dict[Name, Ceiling], Field(title="studies of the labels' ceiling by name")] = Field(
        {}, description="Studies of the agreement of estimators, by name."
    )

    @field_validator("models")
    @classmethod
    def _named(cls, models: dict[str, ModelEntry]) -> dict[str, ModelEntry]:
        """Tell each model its name."""
        for name, entry in models.items():
            entry._name = name
        return models

    def tested(self, parts: Task) -> list[str]:
        """Return the models of a task that are put to its tests: those that start at random."""
        return [name for name in parts.models if self.models[name].variant.start == "random"]

    def hybrids(self, parts: Task) -> list[str]:
        """Return those of them that hold the invariant and run on any size, which rivals are compared with."""
        facts = {name: self.models[name].declared.facts for name in self.tested(parts)}
        return [name for name, fact in facts.items() if fact["role"] == "hybrid" and not fact["fixed_geometry"]]
