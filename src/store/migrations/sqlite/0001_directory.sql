-- The directory: what each source says, and what comes of it.
-- Times are microseconds since 1970-01-01T00:00:00Z. Texts by which resources are found
-- are folded (lower case) where SCIM ignores case.

CREATE TABLE tenants (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    schemas_version INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX tenants_name ON tenants (name);

-- Schemas and resource types that were registered, as they were given. `what` is `schema` or
-- `resource-type`, `origin` `file` or `api`. Each change raises the tenant's schemas_version.
CREATE TABLE schemas (
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    what   TEXT NOT NULL,
    name   TEXT NOT NULL,
    place  INTEGER NOT NULL,
    origin TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, what, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant        INTEGER NOT NULL REFERENCES tenants (id),
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    paused        TEXT,
    settings      BLOB,
    last_complete INTEGER,
    last_due      INTEGER,
    validators    TEXT,
    voices        BLOB
) STRICT;
CREATE UNIQUE INDEX sources_name ON sources (tenant, name);

-- A lease that is given back expires at 0: the row stays, so that its number only grows.
CREATE TABLE leases (
    name     TEXT NOT NULL PRIMARY KEY,
    owner    TEXT NOT NULL,
    number   INTEGER NOT NULL,
    acquired INTEGER NOT NULL,
    expires  INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, next) VALUES ('resource', 1), ('link', 1);

-- From here to the journal no table has foreign keys: an import would spend a third of its
-- time on them. The commit looks once a batch whether what rows refer to is there, and
-- takes with a resource or a link what refers to it (commit/known.rs, commit/flush.rs).
-- `version` counts every change that a client can see, members of a group included;
-- `document_version` those of the attributes alone. Whom no source holds has no
-- `user_name`, so that it is free; `freed_name` tells what it was.
CREATE TABLE resources (
    id               INTEGER NOT NULL PRIMARY KEY,
    uuid             TEXT NOT NULL,
    tenant           INTEGER NOT NULL,
    kind             TEXT NOT NULL,
    user_name        TEXT,
    freed_name       TEXT,
    external_id      TEXT,
    display_name     TEXT,
    active           INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    modified         INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    document_version INTEGER NOT NULL,
    orphaned_since   INTEGER,
    doc              TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX resources_uuid ON resources (uuid);
CREATE UNIQUE INDEX resources_user_name ON resources (tenant, user_name);
CREATE INDEX resources_freed_name ON resources (tenant, freed_name) WHERE freed_name IS NOT NULL;
-- With orphaned_since it holds all that counting needs.
CREATE INDEX resources_list ON resources (tenant, kind, id, orphaned_since);
CREATE INDEX resources_external_id ON resources (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX resources_display_name ON resources (tenant, display_name) WHERE display_name IS NOT NULL;
CREATE INDEX resources_modified ON resources (tenant, modified);
CREATE INDEX resources_orphaned ON resources (tenant, orphaned_since) WHERE orphaned_since IS NOT NULL;

CREATE TABLE resource_emails (
    resource INTEGER NOT NULL,
    email    TEXT NOT NULL,
    PRIMARY KEY (resource, email)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_emails_email ON resource_emails (email);

-- Values of attributes that registered schemas mark as indexed or unique, folded. `held`
-- is the value while nobody else may have it: not of whom no source holds.
CREATE TABLE resource_values (
    resource  INTEGER NOT NULL,
    path      TEXT NOT NULL,
    value     TEXT NOT NULL,
    tenant    INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    is_unique INTEGER NOT NULL,
    held      TEXT,
    PRIMARY KEY (resource, path, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_values_value ON resource_values (tenant, path, value);
CREATE UNIQUE INDEX resource_values_held ON resource_values (tenant, kind, path, held);

CREATE TABLE links (
    id           INTEGER NOT NULL PRIMARY KEY,
    source       INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    key_hash     BLOB NOT NULL,
    locator      TEXT NOT NULL,
    resource     INTEGER NOT NULL,
    fingerprint  BLOB NOT NULL,
    mapping      BLOB NOT NULL,
    contribution TEXT NOT NULL,
    presence     TEXT NOT NULL,
    gone_since   INTEGER,
    missed_reads INTEGER NOT NULL,
    run          INTEGER NOT NULL
) STRICT;
-- By their hashes: keys are long and come in no order, which makes an import write more.
CREATE UNIQUE INDEX links_key ON links (source, kind, key_hash);
CREATE INDEX links_resource ON links (resource);
-- What a run reads of every link when it starts, without the contributions between.
CREATE INDEX links_mark ON links (source, id, kind, key_hash, fingerprint, presence, missed_reads);
-- What a source does not see any more is asked for with every list.
CREATE INDEX links_withdrawn ON links (source, resource) WHERE presence = 'withdrawn';
CREATE INDEX links_gone ON links (source, gone_since) WHERE gone_since IS NOT NULL;

CREATE TABLE link_names (
    source INTEGER NOT NULL,
    name   BLOB NOT NULL,
    link   INTEGER NOT NULL,
    PRIMARY KEY (source, name, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_names_link ON link_names (link);

CREATE TABLE memberships (
    group_id  INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (group_id, member_id, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_member ON memberships (member_id);

CREATE TABLE pending_references (
    link      INTEGER NOT NULL,
    unit      TEXT NOT NULL,
    name_hash BLOB NOT NULL,
    name      TEXT NOT NULL,
    source    INTEGER NOT NULL,
    PRIMARY KEY (link, unit, name_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_references_name ON pending_references (source, name_hash);

CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    run      INTEGER,
    source   INTEGER,
    resource INTEGER,
    uuid     TEXT,
    link     INTEGER,
    event    TEXT NOT NULL
) STRICT;
CREATE INDEX journal_tenant ON journal (tenant, seq);
CREATE INDEX journal_run ON journal (run, seq) WHERE run IS NOT NULL;
CREATE INDEX journal_resource ON journal (resource, seq) WHERE resource IS NOT NULL;

CREATE TABLE runs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    source   INTEGER NOT NULL REFERENCES sources (id),
    kind     TEXT NOT NULL,
    state    TEXT NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER,
    verdict  TEXT,
    report   TEXT NOT NULL,
    undoes   INTEGER,
    settings BLOB NOT NULL
) STRICT;
CREATE INDEX runs_source ON runs (source, id);

CREATE TABLE plan_steps (
    run  INTEGER NOT NULL REFERENCES runs (id),
    seq  INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT;

CREATE TABLE quarantine (
    source    INTEGER NOT NULL REFERENCES sources (id),
    kind      TEXT NOT NULL,
    name_hash BLOB NOT NULL,
    name      TEXT NOT NULL,
    locator   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    flaws     TEXT NOT NULL,
    since     INTEGER NOT NULL,
    PRIMARY KEY (source, kind, name_hash)
) STRICT;

CREATE TABLE tokens (
    hash      BLOB NOT NULL PRIMARY KEY,
    tenant    INTEGER NOT NULL REFERENCES tenants (id),
    name      TEXT NOT NULL,
    scope     TEXT NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT;
CREATE UNIQUE INDEX tokens_name ON tokens (tenant, name);

-- Connections that were made at run time; those of the configuration have no row here.
-- `settings` is written as a section of the configuration is.
CREATE TABLE connections (
    source   INTEGER NOT NULL PRIMARY KEY REFERENCES sources (id),
    name     TEXT NOT NULL,
    settings TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX connections_name ON connections (name);

-- A token is looked for by `lookup` and compared with `hash`; neither tells what it is.
CREATE TABLE connection_tokens (
    lookup    BLOB NOT NULL PRIMARY KEY,
    hash      BLOB NOT NULL,
    source    INTEGER NOT NULL REFERENCES sources (id),
    number    INTEGER NOT NULL,
    scope     TEXT NOT NULL,
    addresses TEXT NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER
) STRICT;
CREATE UNIQUE INDEX connection_tokens_number ON connection_tokens (source, number);

-- The people whom a connection has deactivated or deleted lately: what its guard counts.
CREATE TABLE connection_endings (
    source   INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (source, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_endings_at ON connection_endings (source, at);

CREATE TABLE connection_guards (
    source         INTEGER NOT NULL PRIMARY KEY,
    held_since     INTEGER,
    held_last      INTEGER,
    approved_until INTEGER
) STRICT;

-- The last requests of each connection, without secrets.
CREATE TABLE connection_requests (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE INDEX connection_requests_source ON connection_requests (source, seq);

CREATE TABLE mapping_texts (
    fingerprint BLOB NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    text        TEXT NOT NULL
) STRICT;

-- Random keys that only this database knows, made when they are first needed.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
