# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How the collection's modules are started on the controller: from the files as they are installed.

For every task Ansible packs a module and all it imports into an archive, which the new process unpacks and compiles.
That is made for machines that have neither; here it is half of what a module with nothing to do costs. So a task whose
module runs on the controller, by Ansible's own Python, gets a program of a few lines instead. All else stays Ansible's:
options, check mode, ``no_log``, environment, the process of its own, its input, its result.

In every other case (another connection or Python, become, async, delegation, a setting about Ansible's archive, a
version of ansible-core that nobody tried this with) Ansible packs as always.

Every module has a file in ``plugins/action`` that takes its action from here: Ansible looks there for a module's name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.module_utils.common import json as ansible_json
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.release import __version__ as core_version

COLLECTION = "researchops.jupyterhub."
MODULES = "ansible_collections.researchops.jupyterhub.plugins.modules."
PLACE = f"/{MODULES.replace('.', '/')}"
#: how these hand a module its options is known; they differ in it
CORES = frozenset({"2.18", "2.19", "2.20", "2.21"})
#: from ansible-core 2.19 on, the packer returns an object, and a loader of Ansible's runs the module
MODERN = hasattr(module_common, "_BuiltModule")
#: beginnings of variables by which debuggers and coverage get into Ansible's archive
ARCHIVE_VARIABLES = ("_ANSIBALLZ_", "_ANSIBLE_COVERAGE")

# First of all nothing more is imported from the playbook's folder. Then `ansible` is the controller's own, whatever
# else is installed, and what it needs of Python is there before its folder is looked into. At last the collections'
# folder becomes a package by hand: where the package `ansible` is installed, its collections would win over any other.
PROGRAM = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", ".")]
import pkgutil, runpy, types, warnings
sys.path.insert(0, {ansible!r})
import ansible
sys.path.remove({ansible!r})
collections = types.ModuleType("ansible_collections")
collections.__path__ = [{collections!r}]
sys.modules["ansible_collections"] = collections
"""
RUN = """\
from ansible.module_utils._internal._ansiballz import _loader
_loader.run_module(
    json_params={options!r}, profile="legacy", module_fqn={module!r}, modlib_path={collections!r}, extensions={{}}
)
"""
RUN_BEFORE_2_19 = """\
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = {options!r}
runpy.run_module({module!r}, {{"_module_fqn": {module!r}, "_modlib_path": {collections!r}}}, "__main__", True)
"""


@dataclass(frozen=True)
class Start:
    """What decides how a module is started.

    Attributes:
        module: its full name.
        path: its file.
        connection: the connection's name.
        python: the interpreter the task wants; empty where that is not known.
        special: become, async, delegation or something about the archive is asked for.
    """

    module: str
    path: str
    connection: str
    python: str
    special: bool

    def direct(self, own_python: str, core: str) -> bool:
        """Whether the module can be started from its file, by ansible-core ``core`` running in ``own_python``."""
        local = self.connection in ("local", "ansible.builtin.local")
        here = local and bool(self.python) and self.python == own_python and not self.special
        installed = self.path.endswith(f"{PLACE}{self.name}.py")
        return here and installed and self.module.startswith(COLLECTION) and ".".join(core.split(".")[:2]) in CORES

    @property
    def name(self) -> str:
        """The module's name in the collection."""
        return self.module.rpartition(".")[2]

    @property
    def collections(self) -> str:
        """The folder ``ansible_collections`` that holds the collection."""
        return str(Path(self.path).parents[4])


def program(start: Start, options: str, ansible: str) -> str:
    """Return the Python program that runs a module.

    Args:
        start: a module that can be started directly.
        options: its options, in the JSON that ``ansible.module_utils.basic`` reads.
        ansible: the folder that holds the package ``ansible``.
    """
    text = PROGRAM + (RUN if MODERN else RUN_BEFORE_2_19)
    return text.format(
        ansible=ansible, collections=start.collections, module=MODULES + start.name, options=options.encode()
    )


def encoded(options: Mapping[str, Any]) -> str:
    """Return options as Ansible sends them: in ansible-core 2.18 by one encoder, later by one per profile and way."""
    wrapped = {"ANSIBLE_MODULE_ARGS": options}
    if MODERN:
        encoder = ansible_json.get_module_encoder("legacy", ansible_json.Direction.CONTROLLER_TO_MODULE)
        return json.dumps(wrapped, cls=encoder)
    return json.dumps(wrapped, cls=ansible_json.AnsibleJSONEncoder, vault_to_text=True)


def built(text: str, path: str) -> tuple[Any, ...]:
    """Return a program as Ansible's own packer returns a module: in ansible-core 2.18 as a flat tuple."""
    data, shebang = text.encode(), f"#!{sys.executable}"
    if MODERN:
        kind = module_common._BuiltModule  # noqa: SLF001  # what the method overridden below returns
        return kind(b_module_data=data, module_style="new", shebang=shebang, serialization_profile="legacy"), path
    return "new", shebang, data, path


def asks_for_archive(task_vars: Mapping[str, Any]) -> bool:
    """Whether a setting is about the archive that Ansible makes: keep it, look into it, start it with other limits."""
    return bool(
        constants.DEFAULT_KEEP_REMOTE_FILES
        or constants.config.get_config_value("PYTHON_MODULE_RLIMIT_NOFILE", variables=task_vars)
        or any(name.startswith(ARCHIVE_VARIABLES) for name in os.environ)
    )


class ActionModule(Normal):
    """Ansible's entry point: the usual action, except for what is sent to the interpreter."""

    def _configure_module(
        self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[Any, ...]:
        start = self._start(module_name, task_vars)
        if start.direct(sys.executable, core_version):
            try:
                options = encoded(module_args)
            except TypeError:
                pass  # an option that is no JSON: the packer below says so
            else:
                ansible = str(Path(module_common.__file__).parents[2])
                return built(program(start, options, ansible), start.path)
        packed: tuple[Any, ...] = super()._configure_module(module_name, module_args, task_vars)
        return packed

    def _start(self, module_name: str, task_vars: Mapping[str, Any]) -> Start:
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(module_name)
        special = bool(self._connection.become or self._task.async_val or self._task.delegate_to)
        special = special or asks_for_archive(task_vars)
        return Start(
            module=module_name,
            path=found.plugin_resolved_path or "",
            connection=str(self._connection.transport),
            python="" if special else self._python(task_vars),
            special=special,
        )

    def _python(self, task_vars: Mapping[str, Any]) -> str:
        try:
            return str(self._templar.template(task_vars.get("ansible_python_interpreter", "")))
        except AnsibleError:  # undefined, or omitted: the packer knows what to do
            return ""
