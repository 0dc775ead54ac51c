"""Rules and settings of a site as lines of an export of its catalogue, and back; secrets never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from reelmill.dispatch.automations.rules import Rules
from reelmill.dispatch.blocks import Blocks, BlockState
from reelmill.errors import PlatformError, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.rule import Rule, RuleJob

#: What stands for the table in these lines, see ``catalogue.transfer``.
RULE: Final = "rule"
SETTINGS: Final = "settings"


@dataclass(frozen=True)
class SiteImport:
    """What was done with the rules and settings of an export."""

    restored: tuple[str, ...] = ()  # a sentence each
    differing: tuple[str, ...] = ()  # a sentence on each that stands otherwise here, and stays

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.restored, *self.differing)


class SiteTransfer:
    """Rules and the values of the site's blocks, taken along."""

    def __init__(self, rules: Rules, blocks: Blocks):
        self._rules, self._blocks = rules, blocks

    def lines(self) -> Iterator[dict[str, Any]]:
        """What a site has.

        Yields:
            A line for each rule and each block.

        Raises:
            PlatformError: the server is away.
        """
        for state in self._rules.all():
            yield {"table": RULE, "row": asdict(state.rule)}
        for block in self._blocks.all():
            values = {name: value for name, value in block.values.items() if not _is_secret(block, name)}
            yield {"table": SETTINGS, "row": {"name": block.name, "values": values}}

    def load(self, lines: Iterable[Mapping[str, Any]], by: Actor | None = None) -> SiteImport:
        """Put back what is missing: rules that are not there, and values where nobody has chosen any.

        What a person has chosen here stays, and is named.

        Args:
            lines: of an export; those of other tables are passed over.
            by: who wants it; None: whoever runs this process.

        Returns:
            What was done.

        Raises:
            PlatformError: the server is away.
        """
        rules = {state.rule.name: state.rule for state in self._rules.all()}
        blocks = {block.name: block for block in self._blocks.all()}
        restored, differing = list[str](), list[str]()
        for line in lines:
            row = line.get("row") or {}
            if line.get("table") == RULE:
                self._load_rule(_rule_of(row), rules, by, restored, differing)
            elif line.get("table") == SETTINGS and row.get("name") in blocks:
                self._load_values(blocks[row["name"]], row.get("values") or {}, by, restored, differing)
        return SiteImport(tuple(restored), tuple(differing))

    def _load_rule(
        self, rule: Rule, known: Mapping[str, Rule], by: Actor | None, restored: list[str], differing: list[str]
    ) -> None:
        there = known.get(rule.name)
        if there is None:
            try:
                self._rules.add(rule, by)
            except PlatformError:
                raise
            except UserError as error:  # a job type of another version
                differing.append(f"rule {rule.name}: {error}")
            else:
                restored.append(f"rule {rule.name} is there again, {'on' if rule.on else 'off'}")
        elif there != rule:
            only_on = replace(there, on=rule.on) == rule
            what = "is on here and off" if only_on and there.on else "is off here and on" if only_on else "is otherwise"
            differing.append(f"rule {rule.name} {what} in the export; it stays as it is")

    def _load_values(
        self, block: BlockState, given: Mapping[str, Any], by: Actor | None, restored: list[str], differing: list[str]
    ) -> None:
        other = {name: value for name, value in given.items() if name in block.values and block.values[name] != value}
        free = {name: value for name, value in other.items() if block.values[name] == _default(block, name)}
        for name, value in free.items():
            try:
                self._blocks.change(block.name, {name: value}, by)
            except PlatformError:
                raise
            except UserError as error:
                differing.append(f"{block.title}: {error}")
            else:
                restored.append(f"{block.title}: {name} is {value!r} again")
        for name in other.keys() - free.keys():
            now = block.values[name]
            differing.append(f"{block.title}: {name} is {now!r} here and {other[name]!r} in the export; it stays")


def _rule_of(row: Mapping[str, Any]) -> Rule:
    jobs = tuple(RuleJob(job["type"], job["parameters"], job["pool"]) for job in row["jobs"])
    return Rule(row["name"], row["directory_type"], jobs, row["on"])


def _is_secret(block: BlockState, name: str) -> bool:
    about = block.schema["properties"].get(name) or {}
    return bool(about.get("writeOnly")) or about.get("format") == "password"


def _default(block: BlockState, name: str) -> Any:
    return block.schema["properties"][name].get("default")
