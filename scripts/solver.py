"""What halmos asks, put to several solvers at once: the first answer counts.

yices looks at bits. cvc5 looks at the same words as integers, and so sees through products and quotients;
it is asked twice, with `min` and `max` as the library writes them (a xor (a xor b) · bit) and as choices.
There any other xor is a function of which nothing is known: what holds for every such function holds for
xor, so only "unsat" is believed of a question that has one.

    python scripts/solver.py FILE          says "sat" with a model, "unsat" or "unknown", as a solver does
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Seconds for each question.
PATIENCE = 100
_PRODUCT = re.compile(
    r"\(declare-fun f_evm_(bvmul)_(\d+) \(\(_ BitVec \2\) \(_ BitVec \2\)\) \(_ BitVec \2\)\)"
)
_QUOTIENT = re.compile(
    r"\(declare-fun f_evm_(bvudiv|bvurem|bvsdiv|bvsrem)_(\d+) "
    r"\(\(_ BitVec \2\) \(_ BitVec \2\)\) \(_ BitVec \2\)\)"
)


def race(question: str) -> str:
    commands: list[list[str | Path]] = [
        [Path(sys.executable).parent / "yices-smt2", question],
        [sys.executable, __file__, "--integers", question],
        [sys.executable, __file__, "--choices", question],
    ]
    solvers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for command in commands
    ]
    answer, end, waiting = "unknown\n", time.monotonic() + PATIENCE, list(solvers)
    while waiting and time.monotonic() < end:
        for solver in [each for each in waiting if each.poll() is not None]:
            waiting.remove(solver)
            assert solver.stdout is not None
            said = solver.stdout.read()
            if said.partition("\n")[0] in ("sat", "unsat"):
                answer, waiting = said, []
                break
        time.sleep(0.02)
    for solver in solvers:
        solver.kill()
        solver.communicate()
    return answer


def solve_integers(question: str, with_choices: bool) -> str:
    import cvc5

    text, sure = rewritten(Path(question).read_text(), with_choices)
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("produce-models", "true")
    solver.setOption("solve-bv-as-int", "sum")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, question)
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += str(command.invoke(solver, parser.getSymbolManager()))
        if said and not said.startswith("sat"):
            break
    return said if sure or said.startswith("unsat") else "unknown\n"


def rewritten(text: str, with_choices: bool) -> tuple[str, bool]:
    """The question in words of cvc5's, and whether it is still the same."""
    import z3

    # Products and quotients are what they are: halmos asks first as if nothing were known of them.
    text = _PRODUCT.sub(
        r"(define-fun f_evm_\1_\2 ((x (_ BitVec \2)) (y (_ BitVec \2))) (_ BitVec \2) (\1 x y))", text
    )
    text = _QUOTIENT.sub(
        r"(define-fun f_evm_\1_\2 ((x (_ BitVec \2)) (y (_ BitVec \2))) (_ BitVec \2) "
        r"(ite (= y (_ bv0 \2)) (_ bv0 \2) (\1 x y)))",
        text,
    )
    read, written = z3.Solver(), z3.Solver()
    read.from_string(text)
    rewriter = Rewriter(with_choices)
    for assertion in read.assertions():
        written.add(rewriter.rewrite(assertion))
    return f"(set-logic ALL)\n{written.sexpr()}(check-sat)\n(get-model)\n", rewriter.is_same


class Rewriter:
    def __init__(self, with_choices: bool) -> None:
        self.is_same = True
        self._with_choices = with_choices
        self._known: dict[int, Any] = {}

    def rewrite(self, term: Any) -> Any:
        waiting = [term]
        while waiting:
            node = waiting[-1]
            missing = [each for each in node.children() if each.get_id() not in self._known]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if node.get_id() not in self._known:
                self._known[node.get_id()] = self._rebuilt(node)
        return self._known[term.get_id()]

    def _rebuilt(self, node: Any) -> Any:
        import z3

        parts = [self._known[each.get_id()] for each in node.children()]
        kind = node.decl().kind()
        if self._with_choices and parts:
            if kind == z3.Z3_OP_BMUL and len(parts) == 2 and any(map(_is_bit, parts)):
                bit, word = sorted(parts, key=_is_bit, reverse=True)
                nothing = z3.BitVecVal(0, node.size())
                one, other = (word if bit.arg(n).as_long() else nothing for n in (1, 2))
                return z3.If(bit.arg(0), one, other)
            if kind == z3.Z3_OP_EXTRACT and _is_choice(parts[0]):
                high, low = node.params()
                one, other = (_extract(high, low, parts[0].arg(n)) for n in (1, 2))
                return z3.If(parts[0].arg(0), one, other)
            if kind == z3.Z3_OP_BXOR and any(map(_is_choice, parts)):
                choice = next(filter(_is_choice, parts))
                one, other = (
                    self._xor([choice.arg(n) if each is choice else each for each in parts]) for n in (1, 2)
                )
                return z3.If(choice.arg(0), one, other)
        if kind == z3.Z3_OP_BXOR:
            return self._xor(parts)
        return node.decl()(*parts) if parts else node

    def _xor(self, parts: Sequence[Any]) -> Any:
        """Equal ones cancel out."""
        import z3

        left, waiting = list[Any](), list(parts)
        while waiting:
            part = waiting.pop()
            if part.decl().name().startswith("xor_"):
                waiting += part.children()
                continue
            if z3.is_bv_value(part) and part.as_long() == 0:
                continue
            equal = next((n for n, each in enumerate(left) if each.eq(part)), None)
            if equal is None:
                left.append(part)
            else:
                del left[equal]
        if not left:
            return z3.BitVecVal(0, parts[0].size())
        result = left[0]
        for part in left[1:]:
            self.is_same = False
            result = z3.Function(f"xor_{part.size()}", *[part.sort()] * 3)(result, part)
        return result


def _is_choice(term: Any) -> bool:
    import z3

    return bool(z3.is_app_of(term, z3.Z3_OP_ITE))


def _is_bit(term: Any) -> bool:
    import z3

    return _is_choice(term) and all(
        z3.is_bv_value(term.arg(n)) and term.arg(n).as_long() in (0, 1) for n in (1, 2)
    )


def _extract(high: int, low: int, term: Any) -> Any:
    import z3

    if low == 0 and high == term.size() - 1:
        return term
    if z3.is_bv_value(term):
        return z3.BitVecVal(term.as_long() >> low, high - low + 1)
    if z3.is_app_of(term, z3.Z3_OP_CONCAT):
        at = 0
        for part in reversed(term.children()):
            if at <= low and high < at + part.size():
                return _extract(high - at, low - at, part)
            at += part.size()
    return z3.Extract(high, low, term)


def main() -> int:
    *flags, question = sys.argv[1:]
    print(
        race(question) if not flags else solve_integers(question, flags == ["--choices"]), end="", flush=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
