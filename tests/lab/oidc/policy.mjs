// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Which addresses a login may be sent back to. Pure functions, so that the table in policy.test.mjs can be complete.
//
// This is the lab's only liberty over the OpenID specification: a real provider compares redirect addresses letter by
// letter with the registered ones, but the lab's tests install many hubs under many names. So one client may return to
// the callback of *any* hub of the lab: https, a name below the lab's domain, one of the lab's ports, any base URL.

const CALLBACK_PATH = /^(?:\/[A-Za-z0-9._~@-]+)*\/hub\/oauth_callback$/;
const LABELS = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+$/;

/**
 * True when `uri` is the callback of a hub of this lab.
 *
 * @param {string} uri the redirect_uri as the client sent it
 * @param {{domain: string, ports: string[]}} hubs the lab's domain, and the ports as written in a URL ('' is 443)
 * @returns {boolean}
 */
export function isLabHubCallback(uri, { domain, ports }) {
  const url = URL.parse(uri);
  // A URL that the parser had to change (upper case, '..', ':443', a space) is not one that a hub sends.
  if (!url || url.href !== uri) return false;
  const below = url.hostname.endsWith(`.${domain}`) && LABELS.test(url.hostname.slice(0, -domain.length));
  const bare = !url.username && !url.password && !url.search && !url.hash && !/[?#]$/.test(uri);
  return url.protocol === 'https:' && below && bare && ports.includes(url.port) && CALLBACK_PATH.test(url.pathname);
}

/**
 * The registered addresses that are not callbacks of hubs of this lab; an empty list means: accept the registration.
 *
 * @param {string[] | undefined} uris
 * @param {{domain: string, ports: string[]}} hubs
 * @returns {string[]}
 */
export function foreignCallbacks(uris, hubs) {
  return (uris ?? []).filter((uri) => !isLabHubCallback(uri, hubs));
}
