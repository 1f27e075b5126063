"""zofo doctor: what it reports agrees with Linux, what is wrong is named with what to do, and the exit code says whether a run is prevented."""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import program
from program import Case, zofo


def doctor(*arguments, environment=None, **options):
    return zofo("doctor", *arguments, env={**program.ENVIRONMENT, **(environment or {})}, **options)


class Doctor(Case):
    def report(self, *arguments, **options) -> dict:
        return self.good(doctor("--no-speed", "--json", *arguments, **options)).json()

    def problems(self, report: dict) -> str:
        for each in report["problems"]:
            self.assertTrue(each["what"] and each["todo"])
        return "\n".join(each["what"] for each in report["problems"])

    def test_the_machine_is_the_one_that_linux_describes(self):
        report = self.report("--out", self.here)
        cpuinfo = Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
        self.assertEqual(report["processor"]["model"], model.group(1) if model else "")
        flags = re.search(r"^(?:flags|Features)\s*: (.*)$", cpuinfo, re.MULTILINE).group(1).split()
        self.assertLessEqual(set(report["processor"]["features"]), set(flags))
        for flag in ("avx2", "avx512f", "fma", "asimd"):
            self.assertEqual(flag in report["processor"]["features"], flag in flags)
        self.assertEqual(report["processor"]["usable"], len(os.sched_getaffinity(0)))
        total = int(re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text()).group(1))
        self.assertEqual(report["memory"]["total"], total * 1024)
        self.assertLessEqual(report["memory"]["usable"], report["memory"]["available"])
        space = os.statvfs(self.here)
        runs = next(each for each in report["folders"] if each["purpose"] == "runs")
        self.assertAlmostEqual(runs["free"] / (space.f_bavail * space.f_frsize), 1, delta=0.1)
        kernels = "AVX2 and FMA" if {"avx2", "fma"} <= set(flags) else "portable"
        self.assertEqual(report["would_run"]["kernels"]["random_numbers"], kernels)
        self.assertEqual((report["would_run"]["precision"]), "fp32" if report["would_run"]["device"] == "cpu" else "bf16")

    def test_the_blas_is_the_one_that_the_loader_finds(self):
        loaded = subprocess.run(["ldd", program.PROGRAM], capture_output=True, text=True, check=True).stdout
        library = re.search(r"libopenblas\S* => (\S+)", loaded)
        blas = self.report()["blas"]
        self.assertEqual(blas["file"], str(Path(library.group(1)).resolve()) if library else str(Path(program.PROGRAM).resolve()))
        self.assertGreaterEqual(blas["threads"], 1)

    def test_a_blas_that_does_not_know_the_processor(self):
        report = self.report(environment={"OPENBLAS_CORETYPE": "Prescott"})
        if "avx2" not in report["processor"]["features"] or report["blas"]["core"] != "Prescott":
            self.skipTest("no AVX2, or a BLAS for one processor")
        self.assertIn("uses kernels for Prescott, without AVX2", self.problems(report))
        advice = re.search(r"export OPENBLAS_CORETYPE=(\w+)", json.dumps(report["problems"])).group(1)
        cured = self.report(environment={"OPENBLAS_CORETYPE": advice})
        self.assertEqual(cured["blas"]["core"], advice)
        self.assertNotIn("without AVX2", self.problems(cured))

    def test_the_program_lets_the_blas_use_the_processor(self):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        done = subprocess.run([program.PROGRAM, "doctor", "--json", "--no-speed"], env=environment, stdout=subprocess.PIPE, check=True)
        self.assertNotIn("without AVX2", self.problems(json.loads(done.stdout)))

    def test_threads_that_do_not_fit_the_cores(self):
        cores = len(os.sched_getaffinity(0))
        if cores > 1:
            report = self.report(environment={"OMP_NUM_THREADS": "1"})
            self.assertIn(f"OpenMP starts 1 of {report['processor']['usable']} possible threads", self.problems(report))
            self.assertIn("OMP_NUM_THREADS", json.dumps(report["problems"]))
        report = self.report(environment={"OMP_NUM_THREADS": str(cores + 3)})
        self.assertRegex(self.problems(report), rf"OpenMP starts {cores + 3} threads|control group")

    def test_folders_that_cannot_be_written(self):
        blocked = self.here / "file"
        blocked.write_text("")
        done = doctor("--no-speed", "--json", "--out", blocked / "runs")
        self.assertEqual(done.code, 1, done.err)
        wrong = [each for each in done.json()["problems"] if each["prevents"]]
        self.assertEqual(len(wrong), 1)
        self.assertIn("is not a folder", wrong[0]["what"])
        report = self.report(environment={"ZOFO_CACHE": str(blocked / "cache")})
        self.assertIn("the folder of downloads is not writable", self.problems(report))
        text = doctor("--no-speed", "--out", blocked / "runs")
        self.assertEqual(text.code, 1)
        self.assertIn("error: the folder of runs is not writable", text.out)
        self.assertIn("what to do: ", text.out)

    def test_a_device_that_cannot_be_used_prevents(self):
        if self.report()["would_run"]["device"] != "cpu":
            self.skipTest("this machine has a GPU")
        done = doctor("--no-speed", "--json", "--device", "cuda")
        self.assertEqual(done.code, 1, done.err)
        self.assertIn('device = "cuda"', self.problems(done.json()))

    def test_a_model_that_fits_and_one_that_does_not(self):
        report = self.report("--model", self.model)
        methods = {each["method"]: each for each in report["model"]["methods"]}
        self.assertTrue(methods["lora"]["fits"] and methods["mezo"]["fits"])
        self.assertGreater(methods["bilevel"]["memory"], methods["lora"]["memory"] - 1)
        # Only the shape is read: 400 blocks of width 16,384 have 1.7e12 weights.
        huge = self.here / "huge"
        huge.mkdir()
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000, "hidden_size": 16384,
                  "intermediate_size": 65536, "num_hidden_layers": 400, "num_attention_heads": 128, "num_key_value_heads": 128,
                  "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
                  "tie_word_embeddings": False}
        (huge / "config.json").write_text(json.dumps(config))
        done = doctor("--no-speed", "--json", "--model", huge)
        self.assertEqual(done.code, 1, done.err)
        self.assertIn("no method fits", self.problems(done.json()))
        blocks = 400 * (4 * 16384**2 + 3 * 16384 * 65536 + 2 * 16384)
        self.assertEqual(done.json()["model"]["weights"], 2 * 32000 * 16384 + blocks + 16384)
        self.assertFalse(any(each["fits"] for each in done.json()["model"]["methods"]))
        self.refused(doctor("--no-speed", "--model", self.here / "missing.gguf"), "missing.gguf")

    def test_speeds_are_measured_within_seconds(self):
        done = self.good(doctor("--json", timeout=60))
        speed = done.json()["speed"]
        if "left_out" not in speed:
            self.assertGreater(speed["gemm_gflops"], 0)
            self.assertGreater(speed["copy_gbs"], 0)
        if "forward" in speed:
            forward = speed["forward"]
            self.assertAlmostEqual(forward["tokens_per_second"], 256 / forward["seconds"], delta=1)
            # A pass has 54 GFLOP of products: it cannot be faster than they are.
            if done.json()["would_run"]["device"] == "cpu":
                self.assertLess(2 * 106.2e6 * 256 / forward["seconds"], 4e9 * speed["gemm_gflops"])

    def test_the_text_has_all_parts(self):
        text = self.good(doctor("--no-speed")).out
        for part in ("What this machine has", "What would run", "What is wrong", "BLAS", "memory", "kernels"):
            self.assertIn(part, text)
        self.assertNotIn("How fast", text)


if __name__ == "__main__":
    program.main()
