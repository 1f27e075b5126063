"""Tests scripts/count_tests.py on what ctest writes: entries that passed, failed, were skipped, and were not built."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def counted(*cases: str) -> tuple[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        path.write_text(f"<testsuite>{''.join(cases)}</testsuite>", encoding="utf-8")
        done = subprocess.run([sys.executable, "-B", str(ROOT / "scripts/count_tests.py"), str(path)],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.stdout.strip(), done.returncode


def case(status: str, output: str = "", skipped: str | None = None) -> str:
    message = "" if skipped is None else f'<skipped message="{skipped}"/>'
    return f'<testcase name="a" status="{status}">{message}<system-out>{output}</system-out></testcase>'


class CountTests(unittest.TestCase):
    def test_a_catch2_program_counts_with_its_cases(self) -> None:
        self.assertEqual(counted(case("run", "All tests passed (9 assertions in 4 test cases)")), ("4 passed, 0 failed", 0))

    def test_failed_cases_are_counted(self) -> None:
        self.assertEqual(counted(case("fail", "test cases: 5 | 3 passed | 2 failed")), ("3 passed, 2 failed", 1))

    def test_a_program_that_crashed_is_one_failure(self) -> None:
        self.assertEqual(counted(case("fail", "Segmentation fault")), ("0 passed, 1 failed", 1))

    def test_what_the_machine_lacks_is_skipped_by_exit_code_and_by_output(self) -> None:
        for reason in ("SKIP_RETURN_CODE=77", "SKIP_REGULAR_EXPRESSION_MATCHED"):
            self.assertEqual(counted(case("run"), case("notrun", skipped=reason)), ("1 passed, 0 failed, 1 skipped", 0))

    def test_a_program_that_was_not_built_is_a_failure(self) -> None:
        self.assertEqual(counted(case("notrun", skipped="")), ("0 passed, 1 failed", 1))


if __name__ == "__main__":
    unittest.main()
