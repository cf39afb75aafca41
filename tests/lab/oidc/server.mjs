// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// The lab's OpenID provider as a process: node server.mjs CONFIG. Serves the issuer on one port and, on another, a
// host that answers 404 to everything: what a person meets who mistypes the address of an issuer.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import { errorPage, HEADERS, indexPage, loginPage } from './pages.mjs';
import { makeProvider } from './provider.mjs';
import { loadKeys, openStore } from './store.mjs';

const FORM_LIMIT_BYTES = 16 * 1024;
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

function reply(res, status, body, headers = HEADERS) {
  res.writeHead(status, headers).end(body);
}

/** The fields of a posted HTML form; throws when it is larger than a login can be. */
async function readForm(req) {
  let text = '';
  req.setEncoding('utf8');
  for await (const chunk of req) {
    text += chunk;
    if (text.length > FORM_LIMIT_BYTES) throw new RangeError('the form is too large');
  }
  return new URLSearchParams(text);
}

/** One step of a sign-in: shows the form, checks what comes back, or (consent) goes straight on. */
async function interact(provider, directory, req, res) {
  const details = await provider.interactionDetails(req, res);
  if (details.prompt.name !== 'login') {
    return provider.interactionFinished(req, res, { consent: {} });
  }
  const { client_id: clientId } = details.params;
  const { clientName } = await provider.Client.find(clientId) ?? {};
  const form = { action: `/interaction/${details.uid}`, client: clientName ?? clientId };
  if (req.method !== 'POST') return reply(res, 200, loginPage(form));
  const fields = await readForm(req);
  const login = fields.get('login') ?? '';
  const user = directory.users.find((one) => one.login === login && one.password === fields.get('password'));
  if (!user) return reply(res, 403, loginPage({ ...form, login, error: 'Login or password is wrong.' }));
  return provider.interactionFinished(req, res, { login: { accountId: user.sub, remember: false } });
}

function handler(provider, directory, issuer) {
  const answer = provider.callback();
  return async (req, res) => {
    const path = req.url.split('?', 1)[0];
    if (path === '/healthz') return reply(res, 200, '{"status":"ok"}\n', { 'Content-Type': 'application/json' });
    // The query is left out of the log: it may carry a code.
    res.once('finish', () => console.log(`${new Date().toISOString()} ${req.method} ${path} ${res.statusCode}`));
    if (path === '/') return reply(res, 200, indexPage(issuer));
    if (!path.startsWith('/interaction/')) return answer(req, res);
    try {
      return await interact(provider, directory, req, res);
    } catch (error) {
      // A stale tab or a cookie that is gone: oidc-provider's errors carry a status and a text for people.
      const { status = 500, error: name = 'server_error', error_description: description = error.message } = error;
      if (status >= 500) console.log(error.stack);
      return reply(res, status, errorPage({ error: name, error_description: description }));
    }
  };
}

/** Listens on one port of every address; resolves when all of them listen. */
function listen(tls, addresses, port, handle) {
  return Promise.all(addresses.map((host) => new Promise((resolve, reject) => {
    const server = createServer(tls, handle);
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: true }, resolve);
  })));
}

async function main(path) {
  const config = readJson(path);
  const directory = readJson(config.directory_file);
  const secrets = Object.fromEntries(Object.entries(config.client_secret_files)
    .map(([client, file]) => [client, readFileSync(file, 'utf8').trim()]));
  const keys = loadKeys(config.state_directory);
  const provider = makeProvider({ config, directory, secrets, keys, Store: openStore(config.state_directory) });
  const tls = { cert: readFileSync(config.certificate_file), key: readFileSync(config.key_file) };
  await listen(tls, config.listen, config.port, handler(provider, directory, config.issuer));
  await listen(tls, config.listen, config.no_discovery_port, (req, res) => reply(res, 404, 'Not found\n', {
    'Content-Type': 'text/plain',
  }));
  console.log(`issuer ${config.issuer} listens on ${config.listen.join(' ')} port ${config.port}`);
}

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
main(process.argv[2]).catch((error) => {
  console.error(`the OpenID provider cannot start: ${error.message}`);
  process.exit(1);
});
