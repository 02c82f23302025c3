"""Reads Croissant manifests with mlcroissant: `python croissant.py MANIFEST [RECORD_SET …]`.

Prints one JSON document: what mlcroissant finds wrong, the record sets, and the records of those that are named, read from
the manifest's own folder.
"""

import json
import sys

import mlcroissant


def plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def main() -> None:
    path, *wanted = sys.argv[1:]
    dataset = mlcroissant.Dataset(path)
    issues = dataset.metadata.issues
    records = {
        name: [{key: plain(value) for key, value in record.items()} for record in dataset.records(name)] for name in wanted
    }
    found = {
        "errors": sorted(issues.errors),
        "warnings": sorted(issues.warnings),
        "conformsTo": str(dataset.metadata.conforms_to),
        "recordSets": [record_set.id for record_set in dataset.metadata.record_sets],
        "records": records,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
