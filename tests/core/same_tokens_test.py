"""same_tokens_test.py COMPILER HEADER[,HEADER...] INCLUDE_FOLDER...: this project's headers have the same tokens for all -m flags.

A program may have files compiled with different -m flags. Its inline functions and templates must consist of the same
tokens in all of them (the one-definition rule), so no header may ask for __AVX2__ and its like. The first include
folder is this project's. The compiler's output is read after preprocessing; other projects' headers are left out.
"""

import re
import subprocess
import sys

FLAGS = (("-mno-avx2", "-mno-fma", "-mno-avx"), ("-mavx2", "-mfma"), ("-march=skylake-avx512",))
MARKER = re.compile(r'# (\d+) "(.*?)"')


def tokens_by_file(compiler, includes, header, flags):
    """The project's files that a header includes, each with its lines after preprocessing."""
    command = [compiler, "-std=c++20", "-fopenmp", *flags, *(f"-I{folder}" for folder in includes), "-E", "-x", "c++", "-"]
    done = subprocess.run(command, input=f'#include "{header}"\n', capture_output=True, text=True, check=True)
    files, current = {}, ""
    for line in done.stdout.splitlines():
        marker = MARKER.match(line)
        if marker:
            current = marker[2]
        elif line.strip() and current.startswith(includes[0]):
            files.setdefault(current, []).append(" ".join(line.split()))
    return files


def main():
    compiler, headers = sys.argv[1], sys.argv[2].split(",")
    includes = [folder for folder in sys.argv[3:] if folder]
    for header in headers:
        first = tokens_by_file(compiler, includes, header, FLAGS[0])
        assert first, f"{header}: none of its files are in {includes[0]}"
        for flags in FLAGS[1:]:
            other = tokens_by_file(compiler, includes, header, flags)
            for name in sorted(first.keys() | other.keys()):
                a, b = first.get(name, []), other.get(name, [])
                if a == b:
                    continue
                line = next((pair for pair in zip(a, b) if pair[0] != pair[1]), (a[len(b):][:1], b[len(a):][:1]))
                sys.exit(f"{name} differs under {' '.join(FLAGS[0])} and {' '.join(flags)}:\n  {line[0]}\n  {line[1]}")


if __name__ == "__main__":
    main()
