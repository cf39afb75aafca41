// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// The few pages a person sees. Plain HTML: works without JavaScript, with a screen reader, and for a test's parser.

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
  main { max-width: 23rem; margin: 12vh auto 2rem; padding: 0 1.25rem; }
  h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
  label { display: block; margin-top: 1rem; font-weight: 600; }
  input, button { font: inherit; box-sizing: border-box; width: 100%; padding: .55rem .7rem; margin-top: .25rem;
                  border: 1px solid GrayText; border-radius: .4rem; }
  button { margin-top: 1.5rem; border: 0; background: #1f5fa8; color: #fff; font-weight: 600; cursor: pointer; }
  input:focus-visible, button:focus-visible { outline: 3px solid #e8912d; outline-offset: 2px; }
  .error { border-left: .3rem solid #c0392b; padding: .5rem .8rem; margin: 1rem 0 0; }
  .note { margin-top: 2rem; font-size: .9rem; opacity: .8; }
  code { overflow-wrap: anywhere; }
`;

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text made safe for HTML content and quoted attributes. */
export function escape(text) {
  return String(text ?? '').replace(/[&<>"']/g, (letter) => ESCAPES[letter]);
}

/** Headers for every page of ours. No form-action: browsers apply it to the redirect back to the hub, too. */
export const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** One whole page; `title` is plain text, `body` is HTML. */
export function page(title, body) {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

/** The login form: fields `login` and `password`; `error` (plain text) is announced, and what was typed is kept. */
export function loginPage({ action, client, login = '', error = '' }) {
  const alert = error && `<p class="error" id="error" role="alert">${escape(error)}</p>`;
  const described = error && ' aria-invalid="true" aria-describedby="error"';
  return page('Sign in', `<p>to continue to <strong>${escape(client)}</strong></p>
${alert}
<form method="post" action="${escape(action)}">
<label for="login">Login</label>
<input id="login" name="login" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required
 value="${escape(login)}"${login ? '' : ' autofocus'}${described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
 ${login ? 'autofocus' : ''}${described}>
<button type="submit">Sign in</button>
</form>
<p class="note">The lab's own OpenID provider. Try <code>ada</code> with the password <code>demo-ada</code>.</p>`);
}

/** What a person sees who opens the issuer's address in a browser. */
export function indexPage(issuer) {
  return page('OpenID provider of the lab', `<p>Hubs of the lab send their users here to sign in.</p>
<ul>
<li><a href="/.well-known/openid-configuration">Discovery document</a> of <code>${escape(issuer)}</code></li>
<li><a href="/session/end">Sign out</a>, to come back as somebody else</li>
</ul>`);
}

/** An OAuth error that cannot be sent back to the client, so a person must read it. */
export function errorPage({ error, error_description: description }) {
  return page('This sign-in cannot go on', `<p class="error" role="alert"><code>${escape(error)}</code>:
${escape(description)}</p>
<p class="note">Go back to the hub and start again from its sign-in button.</p>`);
}

/** Asks whether to end the session; `form` is oidc-provider's hidden form with the id op.logoutForm. */
export function logoutPage(form) {
  return page('Sign out?', `${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button>`);
}

/** The end of a session. */
export function goodbyePage() {
  return page('Signed out', '<p>The next sign-in asks for a login again.</p>');
}
