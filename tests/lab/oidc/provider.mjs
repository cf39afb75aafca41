// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// The OpenID provider: npm's oidc-provider with the lab's users, clients, lifetimes and redirect policy.

import Provider, { errors } from 'oidc-provider';

import { errorPage, goodbyePage, HEADERS, logoutPage } from './pages.mjs';
import { foreignCallbacks, isLabHubCallback } from './policy.mjs';

// RFC 8707 wants a URI for a resource; what ends up in a token is the audience, a plain word.
const RESOURCE_PREFIX = 'urn:lab:';
const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Which claims belong to which scope; a hub asks for all of them, ID token and userinfo then say the same. */
const CLAIMS = {
  openid: ['sub'],
  profile: ['name', 'preferred_username'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
};

function send(ctx, html) {
  ctx.set(HEADERS);
  ctx.body = html;
}

/** What the lab asserts about one user, as ID token and userinfo carry it. */
export function claimsOf(user) {
  return {
    sub: user.sub,
    preferred_username: user.login,
    name: user.name,
    email: user.email,
    email_verified: true,
    groups: user.groups,
  };
}

/** Nobody is asked for consent in the lab: a missing grant is made, one that lacks a scope is widened. */
async function grantWhatIsAsked(ctx) {
  const { provider, session, client, requestParamScopes, requestParamClaims } = ctx.oidc;
  const id = session.grantIdFor(client.clientId);
  const grant = (id && await provider.Grant.find(id))
    || new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope([...requestParamScopes].join(' '));
  grant.addOIDCClaims([...requestParamClaims]);
  await grant.save();
  return grant;
}

/** Access tokens for an API: signed JWTs with an audience, for clients whose entry in the directory names one. */
function resourceIndicators(accounts, seconds) {
  return {
    enabled: true,
    defaultResource: (ctx, client) => {
      const audience = accounts.get(client.clientId)?.audience;
      return audience && RESOURCE_PREFIX + audience;
    },
    getResourceServerInfo: (ctx, resource, client) => {
      const audience = accounts.get(client.clientId)?.audience;
      if (!audience || resource !== RESOURCE_PREFIX + audience) throw new errors.InvalidTarget();
      return { scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: seconds, jwt: { sign: { alg: 'RS256' } } };
    },
  };
}

/** RFC 7591: anybody in the lab may register a client, but only for callbacks of the lab's hubs. */
function registrationPolicy(hubs) {
  return {
    // oidc-provider calls the validator once for each property listed here, whether the client sent it or not.
    properties: ['lab_policy'],
    validator: (ctx, key, value, metadata) => {
      const foreign = foreignCallbacks(metadata.redirect_uris, hubs);
      if (foreign.length) {
        throw new errors.InvalidRedirectUri(`not a callback of a hub of the lab: ${foreign.join(' ')}`);
      }
    },
  };
}

function features(accounts, seconds) {
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    registration: { enabled: true },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
    resourceIndicators: resourceIndicators(accounts, seconds),
    revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => send(ctx, logoutPage(form)),
      postLogoutSuccessSource: (ctx) => send(ctx, goodbyePage()),
    },
  };
}

function clientsOf(directory, secrets) {
  return directory.clients.map(({ audience, groups, any_lab_hub: anyHub, ...metadata }) => ({
    ...metadata,
    client_secret: secrets[metadata.client_id],
    scope: metadata.redirect_uris.length ? [...Object.keys(CLAIMS), 'offline_access'].join(' ') : undefined,
  }));
}

function configuration({ config, directory, secrets, keys, Store }) {
  const accounts = new Map(directory.clients.map((client) => [client.client_id, client]));
  const users = new Map(directory.users.map((user) => [user.sub, user]));
  const seconds = config.token_seconds;
  return {
    adapter: Store,
    clients: clientsOf(directory, secrets),
    jwks: keys.jwks,
    cookies: { keys: keys.cookies },
    claims: CLAIMS,
    scopes: ['openid', 'offline_access'],
    // The ID token repeats userinfo's claims: some clients read one, some the other.
    conformIdTokenClaims: false,
    allowOmittingSingleRegisteredRedirectUri: false,
    extraClientMetadata: registrationPolicy(config.hubs),
    extraTokenClaims: (ctx, token) => token.kind === 'ClientCredentials'
      ? { groups: accounts.get(token.clientId)?.groups ?? [] } : undefined,
    features: features(accounts, seconds),
    findAccount: (ctx, sub) => users.has(sub)
      ? { accountId: sub, claims: () => claimsOf(users.get(sub)) } : undefined,
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    loadExistingGrant: grantWhatIsAsked,
    pkce: { required: () => false },
    renderError: (ctx, out) => send(ctx, errorPage(out)),
    responseTypes: ['code'],
    routes: { userinfo: '/userinfo' },
    ttl: {
      AccessToken: 10 * MINUTE,
      AuthorizationCode: MINUTE,
      ClientCredentials: seconds,
      Grant: 24 * HOUR,
      IdToken: seconds,
      Interaction: 15 * MINUTE,
      RefreshToken: 24 * HOUR,
      Session: 8 * HOUR,
    },
  };
}

/** Clients that the directory marks may return to any hub of the lab, see policy.mjs. */
function widenRedirects(provider, directory, hubs) {
  const anyHub = new Set(directory.clients.filter((c) => c.any_lab_hub).map((c) => c.client_id));
  const { redirectUriAllowed } = provider.Client.prototype;
  provider.Client.prototype.redirectUriAllowed = function allowed(uri) {
    return redirectUriAllowed.call(this, uri) || (anyHub.has(this.clientId) && isLabHubCallback(uri, hubs));
  };
}

/** Errors go to standard output, one line each, without any secret; the lab's supervisor keeps that as the log. */
function logErrors(provider) {
  const line = (ctx, error) => {
    const client = ctx?.oidc?.client?.clientId ?? '-';
    const detail = error.error_description ? `${error.error}: ${error.error_description}` : error.stack;
    console.log(`${ctx?.method ?? '-'} ${ctx?.path ?? '-'} client=${client} ${detail}`);
  };
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'userinfo.error',
    'registration_create.error', 'registration_update.error', 'interaction.error']) {
    provider.on(event, line);
  }
}

/**
 * Builds the provider.
 *
 * @param {object} parts config (oidc.json), directory (users and clients), secrets by client id, keys and Store
 * @returns {Provider}
 */
export function makeProvider(parts) {
  const provider = new Provider(parts.config.issuer, configuration(parts));
  widenRedirects(provider, parts.directory, parts.config.hubs);
  logErrors(provider);
  return provider;
}
