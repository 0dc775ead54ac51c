"""Rules and settings of a site as lines of an export of its catalogue, and back; secrets never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from reelmill.dispatch.automations.rules import Rules
from reelmill.dispatch.services.blocks import Blocks, BlockState
from reelmill.errors import PlatformError, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.rule import Rule, RuleJob

#: What stands for the table in these lines, see ``catalogue.exports.transfer``.
RULE: Final = "rule"
SETTINGS: Final = "settings"

_IMPORT: Final = "`reelmill catalogue import` puts it back"


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
            values = {name: value for name, value in block.values.items() if name not in block.secrets}
            yield {"table": SETTINGS, "row": {"name": block.name, "values": values}}

    def load(
        self, lines: Iterable[Mapping[str, Any]], by: Actor | None = None, *, unattended: bool = False
    ) -> SiteImport:
        """Put back what is missing: rules that are not there, and values where nobody has chosen any.

        What a person has chosen here stays, and is named.

        Args:
            lines: of an export; those of other tables are passed over.
            by: who wants it; None: whoever runs this process.
            unattended: nobody has asked for rules and settings. A rule that is missing may have been removed, and a
                value may stand at its default on purpose: rules are put back only where there is none at all, values
                only of blocks that nobody has saved.

        Returns:
            What was done.

        Raises:
            PlatformError: the server is away.
        """
        rules = {state.rule.name: state.rule for state in self._rules.all()}
        blocks = {block.name: block for block in self._blocks.all()}
        loading = _Loading(self._rules, self._blocks, by, unattended and bool(rules), unattended)
        for line in lines:
            row = line.get("row") or {}
            if line.get("table") == RULE:
                loading.rule(row, rules)
            elif line.get("table") == SETTINGS and row.get("name") in blocks:
                loading.values(blocks[row["name"]], row.get("values") or {})
        return SiteImport(tuple(loading.restored), tuple(loading.differing))


class _Loading:
    """One import, and what came of it.

    Args:
        rules: of the site.
        blocks: of the site.
        by: who wants it.
        keep_rules: none is added.
        keep_saved: no value of a block is changed that somebody has saved.
    """

    def __init__(self, rules: Rules, blocks: Blocks, by: Actor | None, keep_rules: bool, keep_saved: bool):
        self._rules, self._blocks, self._by = rules, blocks, by
        self._keep_rules, self._keep_saved = keep_rules, keep_saved
        self.restored, self.differing = list[str](), list[str]()

    def rule(self, row: Mapping[str, Any], known: Mapping[str, Rule]) -> None:
        """Put one back where there is none of its name.

        Args:
            row: of the export.
            known: the rules that there are, by name.

        Raises:
            PlatformError: the server is away.
        """
        try:
            rule = _rule_of(row)
        except (KeyError, TypeError, AttributeError):  # of another version, or edited
            self.differing.append(f"rule {row.get('name')}: its line in the export is not whole; it is left out")
            return
        there = known.get(rule.name)
        if there is None and self._keep_rules:
            self.differing.append(f"rule {rule.name} is not here; {_IMPORT}")
        elif there is None:
            try:
                self._rules.add(rule, self._by)
            except PlatformError:
                raise
            except UserError as error:  # a job type of another version
                self.differing.append(f"rule {rule.name}: {error}")
            else:
                self.restored.append(f"rule {rule.name} is there again, {'on' if rule.on else 'off'}")
        elif there != rule:
            only_on = replace(there, on=rule.on) == rule
            what = "is on here and off" if only_on and there.on else "is off here and on" if only_on else "is otherwise"
            self.differing.append(f"rule {rule.name} {what} in the export; it stays as it is")

    def values(self, block: BlockState, given: Mapping[str, Any]) -> None:
        """Put back those that are at their defaults here.

        Args:
            block: as it is.
            given: values of the export, by name.

        Raises:
            PlatformError: the server is away.
        """
        other = {name: value for name, value in given.items() if name in block.values and block.values[name] != value}
        for name, value in other.items():
            now = block.values[name]
            if now != block.schema["properties"][name].get("default"):
                self.differing.append(f"{block.title}: {name} is {now!r} here and {value!r} in the export; it stays")
            elif self._keep_saved and block.saved:
                self.differing.append(f"{block.title}: {name} is {now!r} here and {value!r} in the export; {_IMPORT}")
            else:
                self._change(block, name, value)

    def _change(self, block: BlockState, name: str, value: Any) -> None:
        try:
            self._blocks.change(block.name, {name: value}, self._by)
        except PlatformError:
            raise
        except UserError as error:
            self.differing.append(f"{block.title}: {error}")
        else:
            self.restored.append(f"{block.title}: {name} is {value!r} again")


def _rule_of(row: Mapping[str, Any]) -> Rule:
    jobs = tuple(RuleJob(job["type"], job["parameters"], job["pool"]) for job in row["jobs"])
    return Rule(row["name"], row["directory_type"], jobs, row["on"])
