// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Run by: node --test tests/lab/oidc/policy.test.mjs (tests/lab/test_services_oidc.py does it). Deny rows first.

import assert from 'node:assert/strict';
import test from 'node:test';

import { foreignCallbacks, isLabHubCallback } from './policy.mjs';

const HUBS = { domain: 'lab.test', ports: ['', '8443'] };

const DENIED = {
  'plain http': 'http://hub.lab.test:8443/hub/oauth_callback',
  'another domain': 'https://hub.example.org/hub/oauth_callback',
  'the domain as a prefix of another': 'https://hub.lab.test.example.org/hub/oauth_callback',
  'a name that only ends alike': 'https://hublab.test/hub/oauth_callback',
  'the domain itself': 'https://lab.test/hub/oauth_callback',
  'an empty label': 'https://hub..lab.test/hub/oauth_callback',
  'another port': 'https://hub.lab.test:9443/hub/oauth_callback',
  'the default port written out': 'https://hub.lab.test:443/hub/oauth_callback',
  'another path': 'https://hub.lab.test:8443/hub/login',
  'a path that only ends alike': 'https://hub.lab.test:8443/myhub/oauth_callback',
  'a longer path': 'https://hub.lab.test:8443/hub/oauth_callback/x',
  'a slash at the end': 'https://hub.lab.test:8443/hub/oauth_callback/',
  'a doubled slash': 'https://hub.lab.test:8443//hub/oauth_callback',
  'dots that climb': 'https://hub.lab.test:8443/x/../hub/oauth_callback',
  'an escaped letter': 'https://hub.lab.test:8443/%78/hub/oauth_callback',
  'upper case in the name': 'https://HUB.lab.test:8443/hub/oauth_callback',
  'a query': 'https://hub.lab.test:8443/hub/oauth_callback?next=x',
  'an empty query': 'https://hub.lab.test:8443/hub/oauth_callback?',
  'a fragment': 'https://hub.lab.test:8443/hub/oauth_callback#x',
  'an empty fragment': 'https://hub.lab.test:8443/hub/oauth_callback#',
  'a user in front': 'https://ada@hub.lab.test:8443/hub/oauth_callback',
  'a foreign name in front': 'https://hub.lab.test:8443@example.org/hub/oauth_callback',
  'no URL at all': 'hub.lab.test',
  'nothing': '',
};

const ALLOWED = {
  'the demo hub': 'https://hub.lab.test:8443/hub/oauth_callback',
  'another hub': 'https://t17.lab.test:8443/hub/oauth_callback',
  'a hub below a name': 'https://hub.t17.lab.test:8443/hub/oauth_callback',
  'port 443': 'https://hub.lab.test/hub/oauth_callback',
  'a base URL': 'https://hub.lab.test:8443/physics/hub/oauth_callback',
  'a deep base URL': 'https://hub.lab.test/physics/2026-11/hub/oauth_callback',
};

for (const [name, uri] of Object.entries(DENIED)) {
  test(`denied: ${name}`, () => assert.equal(isLabHubCallback(uri, HUBS), false));
}

for (const [name, uri] of Object.entries(ALLOWED)) {
  test(`allowed: ${name}`, () => assert.equal(isLabHubCallback(uri, HUBS), true));
}

test('foreignCallbacks names exactly the foreign ones', () => {
  const good = ALLOWED['the demo hub'];
  const bad = DENIED['another domain'];
  assert.deepEqual(foreignCallbacks([good, bad], HUBS), [bad]);
  assert.deepEqual(foreignCallbacks([good], HUBS), []);
  assert.deepEqual(foreignCallbacks(undefined, HUBS), []);
});
