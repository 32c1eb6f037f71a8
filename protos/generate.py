"""Write deskhold/api from the protos, or with --check say whether it is what they would give.

Runs in .venv-protos (`make protos`). Everything below deskhold/api is replaced, so a stub whose
proto is gone goes too.

The stubs do not import `buf.validate`: it is dropped from each file's dependencies before Python
is generated. Its options stay in the descriptors as bytes, which is where protovalidate reads
them, and our wheel needs neither a foreign top-level package nor a place in the process-wide
descriptor pool for a file that another library may bring in another version.
"""

import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = Path(sys.executable).parent
OPTIONS_ONLY = "buf/validate/validate.proto"
HEADER = '"""Generated from protos/ by `make protos`; nothing here is written by hand."""\n'


def compile_protos(descriptors: Path) -> FileDescriptorSet:
    """Compile every proto of ours and what it imports, comments included."""
    ours = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    run_protoc(
        f"-I{ROOT / 'protos'}",
        f"-I{ROOT / 'third_party' / 'protos'}",
        f"-I{Path(protoc.__file__).parent / '_proto'}",
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={descriptors}",
        *ours,
    )
    return FileDescriptorSet.FromString(descriptors.read_bytes())


def without_options_only(files: FileDescriptorSet) -> FileDescriptorSet:
    """Drop the file that is imported for its options alone."""
    kept = FileDescriptorSet()
    for file in files.file:
        if file.name == OPTIONS_ONLY:
            continue
        if file.public_dependency or file.weak_dependency:  # these count by index
            raise SystemExit(f"{file.name}: public and weak imports are not supported")
        dependencies = [name for name in file.dependency if name != OPTIONS_ONLY]
        del file.dependency[:]
        file.dependency.extend(dependencies)
        kept.file.append(file)
    return kept


def generate(out: Path) -> None:
    """Write typed messages for every proto and typed stubs for those with services."""
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch) / "protos.binpb"
        files = without_options_only(compile_protos(descriptors))
        descriptors.write_bytes(files.SerializeToString(deterministic=True))
        ours = [file for file in files.file if file.name.startswith("deskhold/")]
        run_protoc(
            f"--descriptor_set_in={descriptors}",
            f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
            f"--python_out={out}",
            f"--mypy_out=quiet:{out}",
            *(file.name for file in ours),
        )
        run_protoc(
            f"--descriptor_set_in={descriptors}",
            f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet,only_async:{out}",
            *(file.name for file in ours if file.service),
        )
    api = out / "deskhold" / "api"
    for folder in (api, *(path for path in api.rglob("*") if path.is_dir())):
        (folder / "__init__.py").write_text(HEADER)


def run_protoc(*arguments: str) -> None:
    """Run the bundled compiler; it has already said on stderr what is wrong."""
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit("protoc failed")


def sources(api: Path) -> set[Path]:
    """Name the files of a generated tree, without what Python left beside them."""
    return {
        path.relative_to(api)
        for path in api.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def stale(fresh: Path, api: Path) -> list[Path]:
    """List what is missing, superfluous or different."""
    both = sources(fresh) & sources(api)
    different = {name for name in both if not filecmp.cmp(fresh / name, api / name, shallow=False)}
    return sorted(different | (sources(fresh) ^ sources(api)))


def main() -> None:
    """Generate into a scratch folder first, so that a broken proto leaves the stubs as they are."""
    api = ROOT / "deskhold" / "api"
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / "deskhold" / "api"
        if sys.argv[1:] == ["--check"]:
            names = [f"  deskhold/api/{name}" for name in stale(fresh, api)]
            if names:
                raise SystemExit("\n".join(["not what protos/ gives; run `make protos`:", *names]))
        else:
            shutil.rmtree(api, ignore_errors=True)
            shutil.copytree(fresh, api)


if __name__ == "__main__":
    main()
