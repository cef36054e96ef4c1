-- The directory: what each source says, and what comes of it.
-- Times are microseconds since 1970-01-01T00:00:00Z. Texts by which resources are found
-- are folded (lower case) where SCIM ignores case, and ordered by code point, as SQLite and
-- the filters do.

CREATE TABLE tenants (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL,
    schemas_version BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX tenants_name ON tenants (name);

-- Schemas and resource types that were registered, as they were given. `what` is `schema` or
-- `resource-type`, `origin` `file` or `api`. Each change raises the tenant's schemas_version.
CREATE TABLE schemas (
    tenant BIGINT NOT NULL REFERENCES tenants (id),
    what   TEXT NOT NULL,
    name   TEXT NOT NULL,
    place  BIGINT NOT NULL,
    origin TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, what, name)
);

CREATE TABLE sources (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant        BIGINT NOT NULL REFERENCES tenants (id),
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    paused        TEXT,
    settings      BYTEA,
    last_complete BIGINT,
    last_due      BIGINT,
    validators    TEXT,
    voices        BYTEA
);
CREATE UNIQUE INDEX sources_name ON sources (tenant, name);

-- A lease that is given back expires at 0: the row stays, so that its number only grows.
CREATE TABLE leases (
    name     TEXT NOT NULL PRIMARY KEY,
    owner    TEXT NOT NULL,
    number   BIGINT NOT NULL,
    acquired BIGINT NOT NULL,
    expires  BIGINT NOT NULL
);

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO counters (name, next) VALUES ('resource', 1), ('link', 1);

-- From here to the journal no table has foreign keys: an import would spend a third of its
-- time on them. The commit looks once a batch whether what rows refer to is there, and
-- takes with a resource or a link what refers to it (commit/known.rs, commit/flush.rs).
-- `version` counts every change that a client can see, members of a group included;
-- `document_version` those of the attributes alone. Whom no source holds has no
-- `user_name`, so that it is free; `freed_name` tells what it was.
CREATE TABLE resources (
    id               BIGINT NOT NULL PRIMARY KEY,
    uuid             TEXT COLLATE "C" NOT NULL,
    tenant           BIGINT NOT NULL,
    kind             TEXT NOT NULL,
    user_name        TEXT COLLATE "C",
    freed_name       TEXT COLLATE "C",
    external_id      TEXT COLLATE "C",
    display_name     TEXT COLLATE "C",
    active           BOOLEAN NOT NULL,
    created          BIGINT NOT NULL,
    modified         BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    document_version BIGINT NOT NULL,
    orphaned_since   BIGINT,
    doc              TEXT NOT NULL
);
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
    resource BIGINT NOT NULL,
    email    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (resource, email)
);
CREATE INDEX resource_emails_email ON resource_emails (email);

-- Values of attributes that registered schemas mark as indexed or unique, folded. `held`
-- is the value while nobody else may have it: not of whom no source holds.
CREATE TABLE resource_values (
    resource  BIGINT NOT NULL,
    path      TEXT NOT NULL,
    value     TEXT COLLATE "C" NOT NULL,
    tenant    BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    is_unique BIGINT NOT NULL,
    held      TEXT COLLATE "C",
    PRIMARY KEY (resource, path, value)
);
CREATE INDEX resource_values_value ON resource_values (tenant, path, value);
CREATE UNIQUE INDEX resource_values_held ON resource_values (tenant, kind, path, held);

CREATE TABLE links (
    id           BIGINT NOT NULL PRIMARY KEY,
    source       BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    key_hash     BYTEA NOT NULL,
    locator      TEXT NOT NULL,
    resource     BIGINT NOT NULL,
    fingerprint  BYTEA NOT NULL,
    mapping      BYTEA NOT NULL,
    contribution TEXT NOT NULL,
    presence     TEXT NOT NULL,
    gone_since   BIGINT,
    missed_reads BIGINT NOT NULL,
    run          BIGINT NOT NULL
);
-- By their hashes: keys are long and come in no order, which makes an import write more.
CREATE UNIQUE INDEX links_key ON links (source, kind, key_hash);
CREATE INDEX links_resource ON links (resource);
-- What a run reads of every link when it starts, without the contributions between.
CREATE INDEX links_mark ON links (source, id, kind, key_hash, fingerprint, presence, missed_reads);
-- What a source does not see any more is asked for with every list.
CREATE INDEX links_withdrawn ON links (source, resource) WHERE presence = 'withdrawn';
CREATE INDEX links_gone ON links (source, gone_since) WHERE gone_since IS NOT NULL;

CREATE TABLE link_names (
    source BIGINT NOT NULL,
    name   BYTEA NOT NULL,
    link   BIGINT NOT NULL,
    PRIMARY KEY (source, name, link)
);
CREATE INDEX link_names_link ON link_names (link);

CREATE TABLE memberships (
    group_id  BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    source_id BIGINT NOT NULL,
    PRIMARY KEY (group_id, member_id, source_id)
);
CREATE INDEX memberships_member ON memberships (member_id);

CREATE TABLE pending_references (
    link      BIGINT NOT NULL,
    unit      TEXT NOT NULL,
    name_hash BYTEA NOT NULL,
    name      TEXT NOT NULL,
    source    BIGINT NOT NULL,
    PRIMARY KEY (link, unit, name_hash)
);
CREATE INDEX pending_references_name ON pending_references (source, name_hash);

CREATE TABLE journal (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    tenant   BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    run      BIGINT,
    source   BIGINT,
    resource BIGINT,
    uuid     TEXT,
    link     BIGINT,
    event    TEXT NOT NULL
);
CREATE INDEX journal_tenant ON journal (tenant, seq);
CREATE INDEX journal_run ON journal (run, seq) WHERE run IS NOT NULL;
CREATE INDEX journal_resource ON journal (resource, seq) WHERE resource IS NOT NULL;

CREATE TABLE runs (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source   BIGINT NOT NULL REFERENCES sources (id),
    kind     TEXT NOT NULL,
    state    TEXT NOT NULL,
    started  BIGINT NOT NULL,
    finished BIGINT,
    verdict  TEXT,
    report   TEXT NOT NULL,
    undoes   BIGINT,
    settings BYTEA NOT NULL
);
CREATE INDEX runs_source ON runs (source, id);

CREATE TABLE plan_steps (
    run  BIGINT NOT NULL REFERENCES runs (id),
    seq  BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE quarantine (
    source    BIGINT NOT NULL REFERENCES sources (id),
    kind      TEXT NOT NULL,
    name_hash BYTEA NOT NULL,
    name      TEXT NOT NULL,
    locator   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    flaws     TEXT NOT NULL,
    since     BIGINT NOT NULL,
    PRIMARY KEY (source, kind, name_hash)
);

CREATE TABLE tokens (
    hash      BYTEA NOT NULL PRIMARY KEY,
    tenant    BIGINT NOT NULL REFERENCES tenants (id),
    name      TEXT NOT NULL,
    scope     TEXT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT,
    last_used BIGINT
);
CREATE UNIQUE INDEX tokens_name ON tokens (tenant, name);

-- Connections that were made at run time; those of the configuration have no row here.
-- `settings` is written as a section of the configuration is.
CREATE TABLE connections (
    source   BIGINT NOT NULL PRIMARY KEY REFERENCES sources (id),
    name     TEXT NOT NULL,
    settings TEXT NOT NULL,
    created  BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_name ON connections (name);

-- A token is looked for by `lookup` and compared with `hash`; neither tells what it is.
CREATE TABLE connection_tokens (
    lookup    BYTEA NOT NULL PRIMARY KEY,
    hash      BYTEA NOT NULL,
    source    BIGINT NOT NULL REFERENCES sources (id),
    number    BIGINT NOT NULL,
    scope     TEXT NOT NULL,
    addresses TEXT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT,
    last_used BIGINT
);
CREATE UNIQUE INDEX connection_tokens_number ON connection_tokens (source, number);

-- The people whom a connection has deactivated or deleted lately: what its guard counts.
CREATE TABLE connection_endings (
    source   BIGINT NOT NULL,
    resource BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (source, resource)
);
CREATE INDEX connection_endings_at ON connection_endings (source, at);

CREATE TABLE connection_guards (
    source         BIGINT NOT NULL PRIMARY KEY,
    held_since     BIGINT,
    held_last      BIGINT,
    approved_until BIGINT
);

-- The last requests of each connection, without secrets.
CREATE TABLE connection_requests (
    seq    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT NOT NULL
);
CREATE INDEX connection_requests_source ON connection_requests (source, seq);

CREATE TABLE mapping_texts (
    fingerprint BYTEA NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    text        TEXT NOT NULL
);

-- Random keys that only this database knows, made when they are first needed.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
