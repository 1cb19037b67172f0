"""What a study may say of samples: shapes, disorder, datasets, and the studies of the labels."""

from typing import Annotated, Literal

from annotated_types import Gt, Len, Lt
from pydantic import Field

from toponn.matter.disorder import DISORDER
from toponn.matter.lattices import LATTICES
from toponn.matter.systems import SYSTEMS
from toponn.matter.systems.base import System
from toponn.study.kinds import (
    EACH_ONCE,
    NOT_EMPTY,
    Chosen,
    Hole,
    Interval,
    Lengths,
    Name,
    NotNegative,
    Settings,
    Size,
    Strength,
)
from toponn.tools.checks import resolve
from toponn.tools.options import Count, Number, Seeds

Holes = Annotated[list[Hole], Len(1)]
SystemName = Annotated[
    str, Field(title="the name of a system, or module:Class of a file in workflow/toponn/matter/systems")
]
PARAMETERS = "Every parameter of the system, in units of its main hopping; phases in radians."
TERMS = "Random terms, applied in this order; [] for clean samples."
MARGIN = "Smallest gap of the spectral localizer, in units of the main hopping, at which a draw counts as decided."
Parameters = Annotated[dict[Name, Interval], Field(title="the system's parameters, each a number or [low, high]")]
Lattice = Literal[*LATTICES]
DisorderName = Literal[*DISORDER]


class Shape(Settings):
    """The predicate that cuts a sample out of the lattice, and its size in nearest-neighbour distances."""


class Segment(Shape):
    """A chain."""

    name: Literal["segment"] = Field(description="The predicate.")
    size: Annotated[list[Count], Len(1, 1)] = Field(description="[cells]")


class Solid(Shape):
    """A shape in the plane, which may have holes."""

    holes: Holes | None = Field(None, description="Round holes [x, y, radius] about points from the shape's origin.")


class Rectangle(Solid):
    """A rectangle; of a square lattice its sides count cells."""

    name: Literal["rectangle"] = Field(description="The predicate.")
    size: Annotated[list[Size], Len(2, 2)] = Field(description="[width, height]")


class Disk(Solid):
    """A disk."""

    name: Literal["disk"] = Field(description="The predicate.")
    radius: Size = Field(description="Of the disk.")


class Triangle(Solid):
    """An equilateral triangle."""

    name: Literal["triangle"] = Field(description="The predicate.")
    side: Size = Field(description="Of the triangle.")


class LShape(Solid):
    """A square without its upper right quarter."""

    name: Literal["l_shape"] = Field(description="The predicate.")
    size: Size = Field(description="Side of the square.")


SHAPE_TABLES: dict[str, type[Shape]] = {
    "segment": Segment,
    "rectangle": Rectangle,
    "disk": Disk,
    "triangle": Triangle,
    "l_shape": LShape,
}
AnyShape = Annotated[Shape, Chosen("name", tuple(SHAPE_TABLES), SHAPE_TABLES.__getitem__)]


class Disorder(Settings):
    """One random term."""

    name: DisorderName = Field(
        description="onsite_box: energies of the orbitals; onsite_binary: two energies of the sites; bond_box: changes "
        "of the bonds; vacancies: missing sites; structural_displacement: moved sites; decoupled_edge: bonds of the "
        "sites at the edge, weakened by this share."
    )
    strength: Strength = Field(
        description="Full width W of the box, in units of the main hopping (structural_displacement: of the "
        "nearest-neighbour distance), or share of the sites (vacancies); [low, high] is drawn uniformly."
    )


class Samples(Settings):
    """Number of samples in each split; what is trained on has all three, what is only a test has `test` alone."""

    train: Count | None = Field(None, description="Samples whose gradients are followed.")
    validation: Count | None = Field(None, description="Samples that choose learning rates and when to stop.")
    test: Count | None = Field(None, description="Samples that are judged.")


class Outside(Settings):
    """Another phase around the one in the middle, which the label is for."""

    beyond: Annotated[float, Gt(0), Lt(1)] = Field(
        description="Normalised coordinate, from 0 in the middle to 1 at the edge, beyond which the other phase lies."
    )
    parameters: Parameters = Field(description=PARAMETERS)


class OfSystem(Settings):
    """A system on one of its lattices."""

    system: SystemName = Field(
        description="Hamiltonian family: a row of SYSTEMS, or toponn.matter.systems.<file>:<Class>."
    )
    lattice: Lattice | None = Field(
        None,
        description="What the system lives on, where it lives on more than one; the first of its lattices by default.",
    )

    @property
    def family(self) -> type[System]:
        """The class that the name of the system stands for."""
        return resolve(SYSTEMS, self.system, "system")


class Sample(OfSystem):
    """A system with its parameters and disorder."""

    parameters: Parameters = Field(description=PARAMETERS)
    disorder: list[Disorder] = Field([], description=TERMS)


class Dataset(Sample):
    """The recipe of one dataset."""

    shape: AnyShape = Field(description="What cuts the sample out of the lattice.")
    samples: Annotated[Samples, NOT_EMPTY] = Field(
        Samples(train=600, validation=300, test=400), description="Number of samples in each split."
    )
    minimum_margin: Number = Field(0.2, description=MARGIN)
    midgap_pair: Literal["kept", "dropped"] = Field(
        "kept",
        description="Whether the occupied states of chains are without the one nearest to the middle of the gap.",
    )
    interface: Outside | None = Field(None, description="Another phase around the one in the middle.")
    site_gauge: Literal["fixed", "scrambled"] = Field(
        "fixed",
        description="Whether every site has its own random phase, or of several orbitals its own random basis.",
    )
    consensus: bool = Field(
        False, description="Whether draws on which the product rule of chains disagrees with the label are left out."
    )


class Interface(Sample):
    """One sample with two phases, on which the density of a hybrid is looked at site by site."""

    model: Name = Field(description="A hybrid of the task chern that takes any size and starts at random.")
    seeds: Seeds = Field(20, description="Seeds of it that are looked at, the first ones.")
    samples: Count = Field(3, description="Draws of the sample; the first is drawn.")
    shape: AnyShape = Field(description="What cuts the sample out of the lattice.")
    interface: Outside = Field(description="The other phase.")


class Map(OfSystem):
    """A labelled phase diagram over two parameters, undecided cells included."""

    plane: Name = Field(description="One of the system's phase planes.")
    estimator: Name = Field(
        "spectral_localizer",
        description="What labels the samples. Without a gap, as in strongly disordered chains, only the product rule "
        "is decided.",
    )
    shape: AnyShape = Field(description="What cuts the samples out of the lattice.")
    cells: Annotated[list[Count], Len(2, 2), Field(title="[columns, rows]")] = Field(
        description="[columns, rows] of the map."
    )
    samples: Count = Field(1, description="Samples in each cell of the map.")
    minimum_margin: Number = Field(0.1, description=MARGIN)


class Convergence(OfSystem):
    """The error of every estimator against size and gap."""

    points: Annotated[list[Parameters], Len(1)] = Field(
        description="Parameters of the crystals that every estimator is tried on."
    )
    lengths: Lengths = Field(description="Cells of a chain, or sides of a square in nearest-neighbour distances.")
    disorder: list[Disorder] = Field([], description="Random terms of one strength, applied in this order.")
    samples: Count = Field(1, description="Samples at each point and length.")
    minimum_margin: Number = Field(0.1, description=MARGIN)


class Ceiling(OfSystem):
    """How often independent estimators agree, against size and strength of disorder."""

    parameters: Parameters = Field(description=PARAMETERS)
    disorder: DisorderName = Field(description="The random term.")
    strengths: Annotated[list[NotNegative], Len(1), EACH_ONCE] = Field(
        description="Of the disorder, each tried at every length."
    )
    lengths: Lengths = Field(description="Cells of a chain, or sides of a square in nearest-neighbour distances.")
    samples: Count = Field(400, description="Samples at each length and strength.")
    minimum_margin: Number = Field(0.2, description=MARGIN)
