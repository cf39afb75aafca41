# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small trees, each breaking one rule in one way: rule, files, a part of the complaint it must draw."""

from __future__ import annotations

from typing import Any

import pytest

from . import code_rules, docs_rules, role_rules

UTIL = "plugins/module_utils/_hub/x.py"
MODULE = "plugins/modules/thing.py"
SPEC = "roles/thing/meta/argument_specs.yml"
DEFAULTS = "roles/thing/defaults/main.yml"
THING_VARS = "roles/thing/vars/main.yml"
THING_TASKS = "roles/thing/tasks/main.yml"


def module(body: str = "run(body, argument_spec={})", **replaced: str) -> str:
    """Return a module's text, complete but for what is replaced."""
    texts = {
        "DOCUMENTATION": "module: thing\nextends_documentation_fragment: [researchops.jupyterhub.attributes]\n",
        "EXAMPLES": "- name: Do it\n  researchops.jupyterhub.thing:\n",
        "RETURN": "x: {description: y}\n",
        **replaced,
    }
    constants = "".join(f'{key} = """\n{value}"""\n' for key, value in texts.items())
    return f"{constants}\ndef run(*a, **k): ...\ndef body(r): ...\ndef main() -> None:\n    {body}\n"


def spec(options: str, entry: str = "main") -> str:
    """Return an argument_specs file with these options (flow style)."""
    return f"argument_specs:\n  {entry}:\n    options: {options}\n"


def sample(rule: Any, what: str, files: dict[str, str], complaint: str) -> Any:
    """Return one row."""
    return pytest.param(rule, files, complaint, id=f"{rule.__name__}-{what}")


TAKES_KUBECONFIG = module(
    DOCUMENTATION="extends_documentation_fragment:\n"
    "  - researchops.jupyterhub.kubernetes\n"
    "  - researchops.jupyterhub.attributes\n"
)
TABLE = [f"    x{number} = {number}" for number in range(90)]
BRANCHY = [
    "def f(x: int) -> int:",
    *[f"    if x == {number}:\n        return {number}" for number in range(15)],
    "    return 0",
]

SAMPLES = [
    sample(
        code_rules.light_filters,
        "early import",
        {"plugins/filter/x.py": "from ..module_utils._hub import layers\n"},
        "imports module_utils._hub before it is called",
    ),
    sample(code_rules.started_directly, "none", {MODULE: module()}, "thing.py: no action in plugins/action"),
    sample(
        code_rules.started_directly,
        "a file of its own",
        {MODULE: module(), "plugins/action/thing.py": "x = 1\n"},
        "plugins/action/thing.py: not like the action of every module",
    ),
    sample(
        code_rules.started_directly,
        "no preload",
        {"plugins/action/cluster_kubeconfig.py": '"""x"""\n' + code_rules.ACTION},
        "plugins/action/cluster_kubeconfig.py: not like the action of every module",
    ),
    sample(
        code_rules.started_directly,
        "no module",
        {"plugins/action/gone.py": '"""x"""\n' + code_rules.ACTION},
        "plugins/action/gone.py: no module of this name",
    ),
    sample(
        code_rules.layers,
        "AnsibleModule",
        {UTIL: "from ansible.module_utils.basic import AnsibleModule\n"},
        "AnsibleModule",
    ),
    sample(code_rules.layers, "fail_json", {UTIL: "def f(m):\n    m.fail_json(msg='')\n"}, "x.py:2 uses fail_json"),
    sample(code_rules.layers, "params", {UTIL: "def f(m):\n    return m.params['x']\n"}, "uses params"),
    sample(
        code_rules.layers,
        "another collection",
        {UTIL: "from ansible_collections.kubernetes.core.plugins.module_utils import x\n"},
        "imports ansible_collections.kubernetes.core",
    ),
    sample(code_rules.broad_except, "Exception", {UTIL: "try:\n    x = 1\nexcept Exception:\n    x = 2\n"}, "x.py:3"),
    sample(code_rules.broad_except, "bare", {UTIL: "try:\n    x = 1\nexcept:\n    x = 2\n"}, "x.py:3"),
    sample(
        code_rules.broad_except, "tuple", {UTIL: "try:\n    x = 1\nexcept (OSError, Exception):\n    x = 2\n"}, "x.py:3"
    ),
    sample(code_rules.sizes, "long", {UTIL: "\n".join(["def f() -> None:", *TABLE])}, "f: 91 lines of 80"),
    sample(code_rules.sizes, "branchy", {UTIL: "\n".join(BRANCHY)}, "complexity 16 of 14"),
    sample(code_rules.sizes, "main", {MODULE: "\n".join(["def main() -> None:", *TABLE[:41]])}, "main: 42 lines of 40"),
    sample(code_rules.sizes, "file", {UTIL: "\n".join(f"x{number} = 1" for number in range(501))}, "501 lines of code"),
    sample(
        code_rules.sizes,
        "typical",
        {UTIL: "\n".join(["def f() -> None:", *TABLE[:50]])},
        "95th percentile of lines: 51",
    ),
    sample(code_rules.annotations, "argument", {UTIL: "def f(x) -> None: ...\n"}, "f: no type for x"),
    sample(code_rules.annotations, "return", {UTIL: "def f(x: int): ...\n"}, "f: no type for return"),
    sample(code_rules.annotations, "kwargs", {UTIL: "def f(**more) -> None: ...\n"}, "no type for more"),
    sample(code_rules.licences, "missing", {UTIL: f"# {code_rules.SPDX}\n"}, "its head lacks"),
    sample(
        code_rules.unit_files,
        "elsewhere",
        {UTIL: "", "tests/unit/plugins/module_utils/_gcp/test_x.py": ""},
        "no tests/unit/plugins/module_utils/_hub/test_x.py",
    ),
    sample(
        code_rules.unit_files,
        "an action is no module",
        {"plugins/action/thing.py": "", MODULE: "", "tests/unit/plugins/action/test_thing.py": ""},
        "no tests/unit/plugins/modules/test_thing.py",
    ),
    sample(code_rules.leftovers, "mark", {UTIL: "# TODO later\n"}, "x.py:1"),
    sample(code_rules.documented, "no examples", {MODULE: module(EXAMPLES="")}, "no EXAMPLES"),
    sample(code_rules.documented, "no attributes", {MODULE: module(DOCUMENTATION="module: thing\n")}, "check mode"),
    sample(code_rules.documented, "other example", {MODULE: module(EXAMPLES="- debug: {}\n")}, "no example uses"),
    *(
        sample(
            code_rules.examples,
            what,
            {MODULE: module(body, EXAMPLES=f"- researchops.jupyterhub.thing: {given}\n")},
            told,
        )
        for what, body, given, told in (
            ("unknown", "run(body, argument_spec={})", "{colour: red}", "colour"),
            (
                "incomplete",
                "run(body, argument_spec={'name': {'required': True}})",
                "{}",
                "missing required arguments: name",
            ),
            ("no choice", "run(body, argument_spec={'kind': {'choices': ['a']}})", "{kind: b}", "must be one of: a"),
        )
    ),
    sample(
        code_rules.action_groups,
        "missing",
        {MODULE: TAKES_KUBECONFIG, "meta/runtime.yml": "action_groups: {k8s: []}\n"},
        "thing extends researchops.jupyterhub.kubernetes and is missing",
    ),
    sample(
        code_rules.action_groups,
        "missing from the other",
        {
            MODULE: TAKES_KUBECONFIG.replace("jupyterhub.kubernetes", "jupyterhub.gcp"),
            "meta/runtime.yml": "action_groups: {k8s: [], gcp: []}\n",
        },
        "missing from the action group gcp",
    ),
    sample(
        code_rules.action_groups,
        "not told",
        {MODULE: TAKES_KUBECONFIG, "meta/runtime.yml": "action_groups: {k8s: [thing]}\n"},
        "thing extends researchops.jupyterhub.kubernetes but not researchops.jupyterhub.attributes.actiongroup_k8s",
    ),
    sample(
        code_rules.action_groups,
        "another in nox",
        {
            MODULE: TAKES_KUBECONFIG,
            "meta/runtime.yml": "action_groups: {k8s: [thing]}\n",
            "antsibull-nox.toml": "[[sessions.extra_checks.action_groups_config]]\n"
            'name = "k8s"\npattern = "^other$"\nexclusions = []\n',
        },
        "disagree about thing in the group k8s",
    ),
    sample(
        code_rules.action_groups,
        "too many",
        {MODULE: module(), "meta/runtime.yml": "action_groups: {k8s: [thing]}\n"},
        "does not extend",
    ),
    sample(
        code_rules.action_groups,
        "gone",
        {"meta/runtime.yml": "action_groups: {k8s: [gone]}\n"},
        "gone, which does not exist",
    ),
    sample(
        code_rules.module_secrets,
        "undecided",
        {MODULE: module("run(body, argument_spec={'client_secret': {'type': 'str'}})")},
        "client_secret",
    ),
    sample(
        code_rules.module_secrets,
        "nested",
        {MODULE: module("run(body, argument_spec={'x': {'type': 'dict', 'options': {'token': {}}}})")},
        "x.token",
    ),
    *(
        sample(
            code_rules.module_secrets,
            name,
            {MODULE: module(f"run(body, argument_spec={{'{name}': {{'type': 'str'}}}})")},
            f"not decided for {name}",
        )
        for name in (
            "secrets",
            "tokens",
            "service_account_contents",
            "key_contents",
            "hub_passwords",
            "private_keys_old",
        )
    ),
    sample(
        code_rules.module_secrets,
        "shared",
        {
            MODULE: "from ..module_utils._shell import SHARED, run\n"
            + module("run(body, argument_spec={**SHARED})").replace("def run(*a, **k): ...\n", ""),
            "plugins/module_utils/_shell.py": "SHARED = {'access_token': {'type': 'str'}}\ndef run(*a, **k): ...\n",
        },
        "access_token",
    ),
    sample(
        role_rules.proxied,
        "past the tunnel",
        {
            "roles/thing/tasks/main.yml": "- block:\n"
            "    - name: Look\n"
            "      kubernetes.core.k8s_info: {kubeconfig: x, proxy: http://other}\n"
        },
        "Look: no proxy",
    ),
    sample(
        role_rules.proxied,
        "past the proxy by NO_PROXY",
        {
            "roles/thing/tasks/main.yml": "- name: Look\n"
            '  kubernetes.core.k8s_info: {kubeconfig: x, proxy: "{{ __cluster_access_proxy }}"}\n'
        },
        "Look: no no_proxy",
    ),
    sample(role_rules.skeleton, "empty", {"roles/thing/README.md": ""}, "tasks/preflight.yml"),
    sample(role_rules.skeleton, "entry point", {SPEC: spec("{}")}, "entry point preflight"),
    sample(role_rules.skeleton, "tasks of an entry point", {SPEC: spec("{}", "absent")}, "tasks/absent.yml"),
    sample(
        role_rules.defaults,
        "only in defaults",
        {SPEC: spec("{}"), DEFAULTS: "thing_a: 1\n"},
        "thing_a has a default but",
    ),
    sample(
        role_rules.defaults,
        "only in spec",
        {SPEC: spec("{thing_a: {default: x}}")},
        "thing_a has a default in the spec only",
    ),
    sample(
        role_rules.defaults,
        "value",
        {SPEC: spec("{thing_a: {type: int, default: 2}}"), DEFAULTS: "thing_a: 1\n"},
        "thing_a is 1 in defaults and 2",
    ),
    sample(
        role_rules.defaults,
        "true is not one",
        {SPEC: spec("{thing_a: {type: bool, default: true}}"), DEFAULTS: "thing_a: 1\n"},
        "thing_a is 1 in defaults and True",
    ),
    sample(
        role_rules.defaults,
        "type",
        {SPEC: spec('{thing_a: {type: int, default: "1"}}'), DEFAULTS: 'thing_a: "1"\n'},
        "the default '1' is no int",
    ),
    sample(
        role_rules.defaults,
        "boolean as number",
        {SPEC: spec("{thing_a: {type: int, default: true}}"), DEFAULTS: "thing_a: true\n"},
        "the default True is no int",
    ),
    sample(
        role_rules.defaults,
        "choice",
        {SPEC: spec("{thing_a: {choices: [a, b], default: c}}"), DEFAULTS: "thing_a: c\n"},
        "none of the choices",
    ),
    sample(
        role_rules.defaults, "elements", {SPEC: spec("{thing_a: {type: list, default: []}}")}, "a list without elements"
    ),
    sample(
        role_rules.defaults,
        "jinja",
        {
            SPEC: spec("""{thing_a: {default: "{{ x | default('y') }}"}}"""),
            DEFAULTS: """thing_a: "{{ x | default('y') }}"\n""",
        },
        "may be a default",
    ),
    sample(
        role_rules.defaults,
        "shared name",
        {SPEC: spec("{hub_name: {default: x}}"), DEFAULTS: "hub_name: x\n"},
        "hub_name is another role's or a shared name",
    ),
    sample(
        role_rules.shared_types,
        "two types",
        {SPEC: spec("{hub_port: {type: int}}"), "roles/other/meta/argument_specs.yml": spec("{hub_port: {type: str}}")},
        "hub_port is",
    ),
    sample(role_rules.secrets, "undecided", {SPEC: spec("{thing_password: {type: str}}")}, "thing_password"),
    sample(role_rules.secrets, "several", {SPEC: spec("{thing_secrets: {type: dict}}")}, "thing_secrets"),
    sample(
        role_rules.tested,
        "only named",
        {
            SPEC: spec("{}"),
            "molecule/thing/verify.yml": "- {name: thing, researchops.jupyterhub.thing: {}}\n",
            "tests/e2e/test_x.py": '# thing is in x\nmade("x")\n',
            "playbooks/x.yml": "- {roles: [{role: researchops.jupyterhub.thing}]}\n",
        },
        "thing: no scenario, target or e2e test runs it",
    ),
    sample(
        role_rules.playbooks,
        "tasks",
        {"playbooks/x.yml": "- {hosts: hubs, connection: local, gather_facts: false, tasks: []}\n"},
        "has tasks",
    ),
    sample(
        role_rules.playbooks,
        "facts",
        {"playbooks/x.yml": "- {hosts: hubs, connection: local}\n"},
        "gather_facts: false",
    ),
    sample(
        role_rules.playbooks,
        "short name",
        {"playbooks/x.yml": "- {hosts: hubs, connection: local, gather_facts: false, roles: [thing]}\n"},
        "without the collection",
    ),
    sample(
        role_rules.guarded,
        "by tags",
        {"playbooks/x.yml": "- {roles: [{role: researchops.jupyterhub.cluster_access, tags: [cluster_access]}]}\n"},
        "without the tag always",
    ),
    sample(
        role_rules.internal,
        "fact",
        {THING_TASKS: "- {ansible.builtin.set_fact: {thing_a: 1}, register: __thing_b}\n"},
        "main.yml: thing_a is found out",
    ),
    sample(docs_rules.errors, "undocumented", {UTIL: "x = 'E-DNS-99'\n"}, "E-DNS-99 (plugins/module_utils/_hub/x.py)"),
    sample(
        docs_rules.errors, "area with a digit", {UTIL: "x = 'E-X9-99'\n"}, "E-X9-99 (plugins/module_utils/_hub/x.py)"
    ),
    sample(
        docs_rules.errors,
        "entry with a digit",
        {"docs/errors.md": "### E-X9-98 Gone\n\n**Means** x\n\n**Do** y\n"},
        "E-X9-98, which no code uses",
    ),
    sample(
        docs_rules.errors,
        "unused",
        {"docs/errors.md": "### E-DNS-98 Gone\n\n**Means** x\n\n**Do** y\n"},
        "E-DNS-98, which no code uses",
    ),
    sample(
        docs_rules.errors,
        "no cure",
        {UTIL: "x = 'E-DNS-99'\n", "docs/errors.md": "### E-DNS-99 Title\n\n**Means** x\n"},
        "lacks its title, **Means** or **Do**",
    ),
    sample(
        docs_rules.errors_tested,
        "another one",
        {UTIL: "x = 'E-X9-99'\n", "tests/unit/test_x.py": "assert x == 'E-X9-98'\n", "docs/errors.md": "E-X9-99"},
        "E-X9-99 (plugins/module_utils/_hub/x.py) is named by no test",
    ),
    sample(
        docs_rules.derived,
        "stale table",
        {SPEC: spec("{}"), "roles/thing/README.md": "# thing\n"},
        "README.md is out of date",
    ),
    sample(
        docs_rules.commands, "gone", {"Makefile": "x:\n", "README.md": "`make gone` `make demo`"}, "names make gone"
    ),
    sample(
        docs_rules.commands, "not named", {"Makefile": "test:\n", "README.md": "`make test`"}, "does not name make demo"
    ),
    *(
        sample(docs_rules.variables, place, {SPEC: spec("{thing_x: {}}"), place: text}, f"{place} names thing_y")
        for place, text in (
            ("docs/errors.md", "Set `thing_x`, `thing_*` or `thing_y`."),
            ("docs/guides/x.md", "Set `thing_y`."),
            (THING_VARS, "x: 'Do: set thing_y'"),
            ("plugins/module_utils/x.py", "do = f'set thing_y: {1}'"),
        )
    ),
    sample(
        docs_rules.yaml_blocks,
        "unreadable",
        {"docs/guides/x.md": "```yaml\na: b: c\n```\n"},
        "x.md shows what is no YAML",
    ),
    sample(docs_rules.links, "gone", {"README.md": "[x](docs/gone.md)"}, "links to docs/gone.md"),
    sample(docs_rules.fragments, "markup", {"changelogs/fragments/x.yml": "- x - C(y).\n"}, "x.yml says C(y)"),
    sample(
        role_rules.plain_specs,
        "merge key",
        {SPEC: "argument_specs:\n  main: &main {}\n  absent:\n    <<: *main\n"},
        "merges entries by <<",
    ),
    *(
        sample(role_rules.converted, what, {SPEC: spec(f"{{thing_x: {{type: {kind}}}}}"), place: text}, complaint)
        for what, kind, place, text, complaint in (
            (
                "a list",
                "list",
                THING_VARS,
                "x: \"{{ thing_x | join(', ') }}\"",
                "main.yml: thing_x without | researchops",
            ),
            ("with a default", "list", THING_VARS, 'x: "{{ thing_x | default([]) | list }}"', "typed('list')"),
            ("for a module", "list", THING_TASKS, '[{do: {x: "{{ thing_x }}"}}]', "typed('list')"),
            (
                "after a reading",
                "list",
                THING_VARS,
                "x: \"{{ thing_x | researchops.jupyterhub.typed('list') + thing_x }}\"",
                "typed('list')",
            ),
            (
                "in a loop",
                "list",
                THING_TASKS,
                '[{do: {x: "{% for y in thing_x %}{{ y }}{% endfor %}"}}]',
                "typed('list')",
            ),
            (
                "as another type",
                "dict",
                THING_VARS,
                "x: \"{{ thing_x | researchops.jupyterhub.typed('list') }}\"",
                "typed('dict')",
            ),
            ("a relative path", "path", THING_TASKS, '[{do: {x: "{{ thing_x }}"}}]', "typed('path')"),
            ("a condition", "bool", THING_TASKS, "[{do: {}, when: thing_x}]", "typed('bool')"),
            ("one of several", "bool", THING_TASKS, "[{do: {}, when: [y, not thing_x]}]", "typed('bool')"),
            ("in a block", "bool", THING_TASKS, "[{block: [{do: {that: thing_x}}]}]", "typed('bool')"),
            ("compared", "int", THING_TASKS, '[{do: {x: "{{ thing_x == 443 }}"}}]', "thing_x without | int"),
            ("for a filter", "int", THING_VARS, 'x: "{{ thing_x }}"', "thing_x without | int"),
        )
    ),
]
