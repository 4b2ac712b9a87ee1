"""What the wheel holds; everything else about the distribution is in pyproject.toml.

Two folders that people edit live at the top of the repository and travel inside packages in the wheel:
``mappings/`` as ``sync/mappings/`` and ``salesforce/`` as ``sandbox/salesforce/package/`` (the sandbox reads its schema there).
"""

from setuptools import find_namespace_packages, find_packages, setup

CODE = find_packages(include=["sync", "sync.*", "workers", "workers.*", "sandbox", "sandbox.*"])
MIGRATIONS = find_namespace_packages(include=["sync.store.migrations", "sync.store.migrations.*"])

setup(
    packages=sorted({*CODE, *MIGRATIONS, "sync.mappings", "sandbox.salesforce.package"}),
    package_dir={"sync.mappings": "mappings", "sandbox.salesforce.package": "salesforce"},
    package_data={
        "sync.mappings": ["*.yaml"],
        "sync.store": ["*.ini", "migrations/*.mako"],
        "sandbox": ["**/*.json", "**/*.md", "**/*.xml"],
        "sandbox.salesforce.package": ["sfdx-project.json", "force-app/**/*.xml"],
        "*": ["py.typed"],
    },
)
