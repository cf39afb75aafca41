# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How the collection's modules are started on the controller: from the files as they are installed.

For every task Ansible packs a module and all it imports into an archive, which the new process unpacks and compiles.
That is made for machines that have neither; here it is most of what a module with nothing to do costs. So a task whose
module runs on the controller, by Ansible's own Python, gets a program of a few lines instead. All else stays Ansible's:
options, check mode, ``no_log``, environment, the process of its own, its input, its result.

In every other case (another connection or Python, become, async, delegation, a version of ansible-core that nobody
tried this with) Ansible packs as always.

Every module has a file in ``plugins/action`` that takes its action from here: Ansible looks there for a module's name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.executor import module_common
from ansible.module_utils.common import json as ansible_json
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.release import __version__ as core_version

COLLECTION = "researchops.jupyterhub."
MODULES = "ansible_collections.researchops.jupyterhub.plugins.modules."
#: how these hand a module its options is known; they differ in it
CORES = frozenset({"2.18", "2.19", "2.20", "2.21"})

# The collections' folder becomes a package by hand: where the package `ansible` is installed, its own folder of
# collections would win over any other in sys.path. Ansible's folder comes last, for a Python that finds it only so.
PROGRAM = """\
import runpy, sys, types
sys.path[:] = [entry for entry in sys.path if entry not in ("", ".")] + [{ansible!r}]
collections = types.ModuleType("ansible_collections")
collections.__path__ = [{collections!r}]
sys.modules["ansible_collections"] = collections
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = {options!r}, "legacy"
runpy.run_module({module!r}, {{"_module_fqn": {module!r}, "_modlib_path": {collections!r}}}, "__main__", True)
"""


@dataclass(frozen=True)
class Start:
    """What decides how a module is started.

    Attributes:
        module: its full name.
        path: its file.
        connection: the connection's name without the collection.
        python: the interpreter the task wants.
        special: become, async or delegation is asked for.
    """

    module: str
    path: str
    connection: str
    python: str
    special: bool

    def direct(self, own_python: str, core: str) -> bool:
        """Whether the module can be started from its file, by ansible-core ``core`` running in ``own_python``."""
        here = self.connection == "local" and self.python == own_python and not self.special
        installed = self.path.endswith(f"/ansible_collections/{MODULES[20:].replace('.', '/')}{self.name}.py")
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
    return PROGRAM.format(
        ansible=ansible, collections=start.collections, module=MODULES + start.name, options=options.encode()
    )


def encoded(options: Mapping[str, Any]) -> str:
    """Return options as Ansible sends them: in ansible-core 2.18 by one encoder, later by one per profile and way."""
    wrapped = {"ANSIBLE_MODULE_ARGS": options}
    if hasattr(ansible_json, "get_module_encoder"):
        encoder = ansible_json.get_module_encoder("legacy", ansible_json.Direction.CONTROLLER_TO_MODULE)
        return json.dumps(wrapped, cls=encoder)
    return json.dumps(wrapped, cls=ansible_json.AnsibleJSONEncoder, vault_to_text=True)


def built(text: str, path: str) -> tuple[Any, ...]:
    """Return a program as Ansible's own packer returns a module: in ansible-core 2.18 as a flat tuple."""
    data, shebang = text.encode(), f"#!{sys.executable}"
    if hasattr(module_common, "_BuiltModule"):
        kind = module_common._BuiltModule  # noqa: SLF001  # what the method overridden below returns
        return kind(b_module_data=data, module_style="new", shebang=shebang, serialization_profile="legacy"), path
    return "new", shebang, data, path


class ActionModule(Normal):
    """Ansible's entry point: the usual action, except for what is sent to the interpreter."""

    def _configure_module(
        self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[Any, ...]:
        start = self._start(module_name, task_vars)
        if not start.direct(sys.executable, core_version):
            return super()._configure_module(module_name, module_args, task_vars)
        ansible = str(Path(module_common.__file__).parents[2])
        return built(program(start, encoded(module_args), ansible), start.path)

    def _start(self, module_name: str, task_vars: Mapping[str, Any]) -> Start:
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(module_name)
        python = self._templar.template(task_vars.get("ansible_python_interpreter", ""))
        return Start(
            module=module_name,
            path=found.plugin_resolved_path or "",
            connection=str(self._connection.transport).rpartition(".")[2],
            python=str(python),
            special=bool(self._connection.become or self._task.async_val or self._task.delegate_to),
        )
