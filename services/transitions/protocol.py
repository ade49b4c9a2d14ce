"""Protocols of care by name and version: from their files, once, into what the plan reads; knows nothing of patients."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from services.chassis.yaml_file import Fault
from services.transitions.domain.calendar import federal_holidays
from services.transitions.domain.protocol import Protocol
from services.transitions.protocol_file import VERSIONED, ProtocolError, Written, load_file
from services.transitions.protocols import faults
from services.transitions.protocols.faults import Wrong
from services.transitions.protocols.layer import LayerFile
from services.transitions.protocols.shape import FasterFile, ProtocolFile

__all__ = ["DEFAULT", "SHIPPED", "VERSIONED", "Library", "ProtocolError", "load_protocol"]

SHIPPED = Path(__file__).with_name("protocols")
DEFAULT = "transitions-of-care"
LAYERED = "+"


def load_protocol(label: str = DEFAULT, folder: Path | None = None) -> Protocol:
    """A protocol by its label; `folder` is that of the configuration. See `Library`."""
    return Library(folder).protocol(label)


class Library:
    """The protocol files of a configuration folder's `protocols/`, and those that are shipped.

    A label is NAME or NAME@VERSION, with layers behind it: `transitions-of-care@2+paediatric@1`. NAME is the
    file NAME.yaml, the site's before the shipped one; an older version lies beside it as NAME@VERSION.yaml.
    A file that says `extends` is another protocol with some spans changed, one step only, and has its versions.
    """

    def __init__(self, folder: Path | None = None) -> None:
        federal_holidays(
            2026
        )  # the library reads its tables at first use: here, not in the first patient's plan
        own = folder / "protocols" if folder else None
        self.folders = [place for place in (own, SHIPPED) if place is not None]
        self._known: dict[str, Protocol] = {}
        self._oldest: dict[str, str] = {}

    def protocol(self, label: str) -> Protocol:
        """The protocol of this label; raises ProtocolError with all that is wrong."""
        if label not in self._known:
            self._known[label] = self._composed(label)
        return self._known[label]

    def kept(self, label: str) -> Protocol:
        """The same for a label that an episode keeps; one of 0.1.0 names no version, and means the oldest there is."""
        if VERSIONED in label:
            return self.protocol(label)
        if label not in self._oldest:
            self._oldest[label] = self._oldest_of(label)
        return self.protocol(self._oldest[label])

    def _oldest_of(self, label: str) -> str:
        """The oldest version in the first folder that has any: a site's own file was never a shipped one."""
        base = self._extended(label) or label
        for place in self.folders:
            stems = [path.stem for path in place.glob(f"{base}{VERSIONED}*.yaml")]
            versions = [int(tail) for stem in stems if (tail := stem.partition(VERSIONED)[2]).isdigit()]
            if versions:
                return f"{label}{VERSIONED}{min(versions)}"
            if (place / f"{base}.yaml").exists():
                break
        return label

    def faults(self, written: Written, over: str) -> list[Fault]:
        """Contradictions and holes of one file; a layer is looked at over the protocol of that label."""
        said = written.said
        if isinstance(said, ProtocolFile):
            return written.faults([*faults.contradictions(said), *faults.holes(said)])
        try:
            if isinstance(said, FasterFile):
                self._extending(written, said, "")
                return []
            _, base = self._whole(over.split(LAYERED, maxsplit=1)[0])
        except ProtocolError as error:
            return list(error.faults)
        return written.faults([*faults.contradictions_of_layer(said, base), *faults.holes_of_layer(said)])

    def _composed(self, label: str) -> Protocol:
        first, *others = label.split(LAYERED)
        name, base = self._whole(first)
        layers = []
        for other in others:
            written = self._written(other)
            if not isinstance(written.said, LayerFile):
                raise ProtocolError([Fault(f"is no layer; name it before the first {LAYERED}", written.path)])
            _refuse(written, faults.contradictions_of_layer(written.said, base))
            layers.append(written.said.build(base))
        protocol = base.build()
        for layer in layers:
            more = frozenset(rule.kind for rule in layer.adds.get("unknown", ()))
            protocol = replace(protocol, unknown_kinds=protocol.unknown_kinds | more)
        own = f"{name}{VERSIONED}{base.version}"
        return replace(
            protocol,
            name=name,
            label=LAYERED.join([own, *(layer.label for layer in layers)]),
            layers=tuple(layers),
        )

    def _whole(self, label: str) -> tuple[str, ProtocolFile]:
        """The name and the content of a protocol, with the spans that a file of this name changes."""
        name, _, version = label.partition(VERSIONED)
        written = self._written(name if self._extended(name) else label)
        if isinstance(written.said, LayerFile):
            raise ProtocolError(
                [
                    Fault(
                        f"is a layer; name a protocol before it, as in {DEFAULT}{LAYERED}{name}", written.path
                    )
                ]
            )
        if isinstance(written.said, ProtocolFile):
            _refuse(written, faults.contradictions(written.said))
            return written.said.name, written.said
        return name, self._extending(written, written.said, version)

    def _extending(self, written: Written, said: FasterFile, version: str) -> ProtocolFile:
        base = self._written(f"{said.extends}{VERSIONED}{version}" if version else said.extends)
        if not isinstance(base.said, ProtocolFile):
            raise ProtocolError(
                [
                    written.content.fault(
                        ("extends",), f"names {base.path.name}, which is no whole protocol; name one"
                    )
                ]
            )
        _refuse(base, faults.contradictions(base.said))
        return _faster(written, said, base.said)

    def _extended(self, name: str) -> str | None:
        """The protocol that the file of this name extends, if it does."""
        path = self._path(name)
        said = None if path is None else load_file(path).said
        return said.extends if isinstance(said, FasterFile) else None

    def _written(self, label: str) -> Written:
        name, _, version = label.partition(VERSIONED)
        _named(label, name, version)
        path = self._path(f"{name}{VERSIONED}{version}") if version else None
        written = load_file(path) if path else None
        if written is None and (plain := self._plain(name, version)):
            written = plain
        if written is None:
            sentence = "is not there; put it into protocols/ of the configuration, or name another"
            file = f"{label}.yaml" if version else f"{name}.yaml"
            raise ProtocolError([Fault(sentence, Path(file))])
        return written

    def _plain(self, name: str, version: str) -> Written | None:
        """NAME.yaml, the site's first; where a version is asked for, the one that has it."""
        for place in self.folders:
            path = place / f"{name}.yaml"
            if path.exists():
                written = load_file(path)
                if not version or (
                    not isinstance(written.said, FasterFile) and str(written.said.version) == version
                ):
                    return written
        return None

    def _path(self, stem: str) -> Path | None:
        paths = (place / f"{stem}.yaml" for place in self.folders)
        return next((path for path in paths if path.exists()), None)


def _named(label: str, name: str, version: str) -> None:
    if not name.replace("-", "").replace("_", "").isalnum() or not (
        version.isdigit() or VERSIONED not in label
    ):
        raise ProtocolError(
            [Fault(f"protocol {label!r} is no name; write the file's name without folder and ending")]
        )


def _refuse(written: Written, wrongs: Iterator[Wrong]) -> None:
    found = written.faults(wrongs)
    if found:
        raise ProtocolError(found)


def _faster(written: Written, faster: FasterFile, whole: ProtocolFile) -> ProtocolFile:
    """The protocol with other spans; only what runs on a watch can run faster."""
    engine = whole.engine.model_copy(update={str(key): span for key, span in faster.engine.items()})
    deadlines = dict(whole.deadlines)
    wrongs = []
    for kind, span in faster.elapsed.items():
        if kind not in deadlines or deadlines[kind].due.elapsed is None:
            wrongs.append(Wrong(("elapsed", kind), f"runs on no watch in {faster.extends}; leave it out"))
            continue
        due = deadlines[kind].due.model_copy(update={"elapsed": span})
        deadlines[kind] = deadlines[kind].model_copy(update={"due": due})
    _refuse(written, iter(wrongs))
    return whole.model_copy(update={"engine": engine, "deadlines": deadlines})
