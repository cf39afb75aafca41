// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// What must outlive the process: signing keys, cookie keys, sessions, grants, refresh tokens, registered clients.
// A kill -9 loses nothing that a client was told, because each change is one SQLite transaction.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS record (
    model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL,
    uid TEXT, user_code TEXT, grant_id TEXT, expires INTEGER,
    PRIMARY KEY (model, id));
  CREATE INDEX IF NOT EXISTS record_uid ON record (uid);
  CREATE INDEX IF NOT EXISTS record_grant ON record (grant_id);
  CREATE INDEX IF NOT EXISTS record_expires ON record (expires);
`;

const now = () => Math.floor(Date.now() / 1000);

/** Makes the class that oidc-provider asks for: one instance per kind of record, all over one SQLite file. */
export function openStore(directory) {
  const db = new DatabaseSync(join(directory, 'provider.sqlite'));
  db.exec(SCHEMA);
  const put = db.prepare(`INSERT OR REPLACE INTO record (model, id, payload, uid, user_code, grant_id, expires)
    VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const consume = db.prepare(`UPDATE record SET payload = json_set(payload, '$.consumed', ?)
    WHERE model = ? AND id = ?`);
  const remove = db.prepare('DELETE FROM record WHERE model = ? AND id = ?');
  const revoke = db.prepare('DELETE FROM record WHERE grant_id = ?');
  const sweep = db.prepare('DELETE FROM record WHERE expires < ?');
  const by = (column) => db.prepare(
    `SELECT payload FROM record WHERE model = ? AND ${column} = ? AND (expires IS NULL OR expires > ?)`,
  );
  const byId = by('id');
  const byUid = by('uid');
  const byUserCode = by('user_code');
  const read = (query, model, key) => {
    const row = query.get(model, key, now());
    return row && JSON.parse(row.payload);
  };
  sweep.run(now());

  return class Store {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, expiresIn) {
      put.run(
        this.model, id, JSON.stringify(payload), payload.uid ?? null, payload.userCode ?? null,
        payload.grantId ?? null, expiresIn ? now() + expiresIn : null,
      );
    }

    async find(id) { return read(byId, this.model, id); }

    async findByUid(uid) { return read(byUid, this.model, uid); }

    async findByUserCode(code) { return read(byUserCode, this.model, code); }

    async consume(id) { consume.run(now(), this.model, id); }

    async destroy(id) { remove.run(this.model, id); }

    async revokeByGrantId(grantId) { revoke.run(grantId); }
  };
}

/** The provider's own keys, made once per lab: `{ jwks, cookies }`. The file is readable by its owner only. */
export function loadKeys(directory) {
  const path = join(directory, 'keys.json');
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
    const keys = { jwks: { keys: [key] }, cookies: [randomBytes(32).toString('base64url')] };
    writeFileSync(`${path}.new`, JSON.stringify(keys), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return JSON.parse(readFileSync(path, 'utf8'));
}
