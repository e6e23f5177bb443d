-- What `auth` may do before an organization is known. It signs in as footnote_auth, which has no right to any
-- table: it may call these functions and nothing else. They run as footnote_definer, whom a policy of its own
-- admits to the tables of identity. Times are those of the database: one clock for all functions.

-- Login attempts -----------------------------------------------------------------------------------------
-- One row per e-mail address that was tried, registered or not, so that neither the answer nor its time tells
-- whether an account exists. The key is a digest: addresses that were only tried are not kept.
CREATE TABLE core.login_attempts (
    attempt_key bytea PRIMARY KEY,
    attempts int NOT NULL,
    window_started_at timestamptz NOT NULL,
    last_admitted_at timestamptz NOT NULL
);
CREATE INDEX ON core.login_attempts (window_started_at);
ALTER TABLE core.login_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.login_attempts FORCE ROW LEVEL SECURITY;

CREATE INDEX sessions_of_user ON core.sessions (user_id, device_hash);
-- Sensitive routes ask whether the session behind a token is still open.
GRANT SELECT (organization_id, family_id, user_id, revoked_at) ON core.sessions TO footnote_app;
GRANT SELECT (token_version) ON core.users TO footnote_app;

GRANT USAGE ON SCHEMA core TO footnote_definer;
GRANT SELECT, INSERT ON core.organizations, core.memberships TO footnote_definer;
GRANT SELECT, INSERT, UPDATE ON core.users TO footnote_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.sessions, core.login_attempts TO footnote_definer;
CREATE POLICY definer ON core.organizations TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON core.memberships TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON core.users TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON core.sessions TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON core.login_attempts TO footnote_definer USING (true) WITH CHECK (true);

CREATE SCHEMA identity AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA identity TO footnote_auth;
SET LOCAL ROLE footnote_definer;

CREATE TYPE identity.new_session AS (
    family_id uuid,
    sealed_key bytea,
    device_hash bytea,
    idle_s int,
    absolute_s int
);

-- The member behind a session, as `auth` needs it for tokens and answers.
CREATE TYPE identity.member AS (
    user_id uuid,
    email text,
    display_name text,
    is_verified boolean,
    token_version int,
    user_created_at timestamptz,
    organization_id uuid,
    organization_name text,
    organization_kind text,
    storage_prefix text,
    role text,
    plan text
);

CREATE FUNCTION identity.find_member(p_organization_id uuid, p_user_id uuid) RETURNS identity.member
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.user_id, u.email, u.display_name, u.is_verified, u.token_version, u.created_at,
           o.organization_id, o.name, o.kind, o.storage_prefix, m.role, o.plan
      FROM core.memberships m
      JOIN core.users u USING (user_id)
      JOIN core.organizations o USING (organization_id)
     WHERE m.organization_id = p_organization_id AND m.user_id = p_user_id AND u.is_active
$$;

CREATE FUNCTION identity.open_session(p_organization_id uuid, p_user_id uuid, p_session identity.new_session)
    RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO core.sessions (organization_id, family_id, user_id, sealed_key, device_hash,
                               idle_expires_at, absolute_expires_at)
    VALUES (p_organization_id, p_session.family_id, p_user_id, p_session.sealed_key, p_session.device_hash,
            now() + make_interval(secs => p_session.idle_s),
            now() + make_interval(secs => p_session.absolute_s))
$$;

-- Registration: user, personal organization, membership and first session, or nothing. ----------------------
-- NULL: the e-mail address has an account.
CREATE FUNCTION identity.register(
    p_user_id uuid, p_email text, p_display_name text, p_hashed_password text,
    p_organization_id uuid, p_organization_name text, p_storage_prefix text, p_session identity.new_session
) RETURNS identity.member
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO core.users (user_id, email, display_name, hashed_password, last_login_at)
    VALUES (p_user_id, lower(p_email), p_display_name, p_hashed_password, now())
    ON CONFLICT (email) DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO core.organizations (organization_id, name, kind, storage_prefix)
    VALUES (p_organization_id, p_organization_name, 'personal', p_storage_prefix);
    INSERT INTO core.memberships (organization_id, user_id, role)
    VALUES (p_organization_id, p_user_id, 'owner');
    PERFORM identity.open_session(p_organization_id, p_user_id, p_session);
    RETURN identity.find_member(p_organization_id, p_user_id);
END $$;

-- Login -----------------------------------------------------------------------------------------------------
-- A device that signed in before counts its attempts apart, so that a stranger who exhausts the attempts of an
-- address does not lock its owner out (ASVS 5, 6.1.1).
CREATE FUNCTION identity.attempt_key(p_email text, p_user_id uuid, p_device_hash bytea) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(lower(p_email), 'UTF8') || CASE
        WHEN EXISTS (SELECT FROM core.sessions s
                      WHERE s.user_id = p_user_id AND s.device_hash = p_device_hash)
        THEN p_device_hash ELSE ''::bytea END)
$$;

-- Counts the attempt and says whether the password may be checked. The password's hash is handed out only while
-- the attempts of the window are within the limit: so many hashes are computed per window and no more, however
-- many requests run at once. `undecided`: refused, but the last admitted attempt is so recent that it may still
-- succeed and clear the count, as when a client signs in many times at once with the right password.
CREATE FUNCTION identity.begin_login(p_email text, p_device_hash bytea, p_limit int, p_window_s int)
    RETURNS TABLE (user_id uuid, hashed_password text, retry_after_s int, undecided boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_window constant interval := make_interval(secs => p_window_s);
    v_now constant timestamptz := clock_timestamp();
    v_attempt core.login_attempts;
BEGIN
    SELECT u.user_id, u.hashed_password INTO user_id, hashed_password
      FROM core.users u WHERE u.email = lower(p_email) AND u.is_active;
    INSERT INTO core.login_attempts AS a
    VALUES (identity.attempt_key(p_email, begin_login.user_id, p_device_hash), 1, v_now, v_now)
    ON CONFLICT (attempt_key) DO UPDATE SET
        attempts = CASE WHEN a.window_started_at + v_window <= v_now THEN 1
                        ELSE least(a.attempts + 1, p_limit + 1) END,
        window_started_at = CASE WHEN a.window_started_at + v_window <= v_now THEN v_now
                                 ELSE a.window_started_at END,
        last_admitted_at = CASE WHEN a.window_started_at + v_window <= v_now OR a.attempts < p_limit THEN v_now
                                ELSE a.last_admitted_at END
    RETURNING * INTO v_attempt;
    DELETE FROM core.login_attempts WHERE attempt_key IN (
        SELECT o.attempt_key FROM core.login_attempts o
         WHERE o.window_started_at < v_now - v_window LIMIT 10 FOR UPDATE SKIP LOCKED);
    undecided := false;
    IF v_attempt.attempts > p_limit THEN
        user_id := NULL;
        hashed_password := NULL;
        retry_after_s := greatest(1, ceil(extract(epoch FROM v_attempt.window_started_at + v_window - v_now)));
        undecided := v_attempt.last_admitted_at > v_now - interval '1 s';
    END IF;
    RETURN NEXT;
END $$;

-- The password was right: forgets the attempts, opens a session in the member's first organization. NULL: the
-- account was closed or its password changed since `begin_login`.
CREATE FUNCTION identity.complete_login(
    p_user_id uuid, p_verified_hash text, p_new_hash text, p_session identity.new_session
) RETURNS identity.member
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_email text;
    v_organization_id uuid;
BEGIN
    UPDATE core.users u
       SET last_login_at = now(), hashed_password = coalesce(p_new_hash, u.hashed_password)
     WHERE u.user_id = p_user_id AND u.is_active AND u.hashed_password = p_verified_hash
    RETURNING u.email INTO v_email;
    SELECT m.organization_id INTO v_organization_id FROM core.memberships m
     WHERE m.user_id = p_user_id ORDER BY m.created_at, m.organization_id LIMIT 1;
    IF v_email IS NULL OR v_organization_id IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM core.login_attempts
     WHERE attempt_key = identity.attempt_key(v_email, p_user_id, p_session.device_hash);
    DELETE FROM core.sessions s WHERE s.user_id = p_user_id AND s.absolute_expires_at < now();
    PERFORM identity.open_session(v_organization_id, p_user_id, p_session);
    RETURN identity.find_member(v_organization_id, p_user_id);
END $$;

-- Refresh-token families ----------------------------------------------------------------------------------
CREATE FUNCTION identity.find_sealed_key(p_family_id uuid) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.sealed_key FROM core.sessions s WHERE s.family_id = p_family_id
$$;

-- Spends generation `p_generation` of a family. The caller has verified the token, so a wrong generation is a
-- replay, not noise. `outcome`:
--   rotated   `generation` is the successor;
--   repeated  the answer got lost: same device, within the grace time, the same successor again;
--   reused    an old token: the family is revoked now;
--   forged    a token that was never issued, with a valid code: the key leaked; revoked now;
--   ended     revoked, expired or unknown before.
-- It returns rather than raises, so that the revocation commits although the request fails.
CREATE FUNCTION identity.rotate_session(
    p_family_id uuid, p_generation int, p_device_hash bytea, p_grace_s int, p_idle_s int
) RETURNS TABLE (outcome text, generation int, member identity.member)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_session core.sessions;
BEGIN
    UPDATE core.sessions s
       SET generation = s.generation + 1, rotated_at = clock_timestamp(),
           idle_expires_at = clock_timestamp() + make_interval(secs => p_idle_s)
     WHERE s.family_id = p_family_id AND s.generation = p_generation AND s.revoked_at IS NULL
       AND clock_timestamp() < least(s.idle_expires_at, s.absolute_expires_at)
    RETURNING * INTO v_session;
    IF FOUND THEN
        outcome := 'rotated';
    ELSE
        SELECT * INTO v_session FROM core.sessions s WHERE s.family_id = p_family_id FOR UPDATE;
        outcome := CASE
            WHEN v_session.family_id IS NULL OR v_session.revoked_at IS NOT NULL
              OR clock_timestamp() >= least(v_session.idle_expires_at, v_session.absolute_expires_at)
            THEN 'ended'
            WHEN p_generation > v_session.generation THEN 'forged'
            WHEN p_generation = v_session.generation - 1
             AND clock_timestamp() <= v_session.rotated_at + make_interval(secs => p_grace_s)
             AND p_device_hash IS NOT DISTINCT FROM v_session.device_hash
            THEN 'repeated'
            ELSE 'reused' END;
    END IF;
    generation := v_session.generation;
    member := identity.find_member(v_session.organization_id, v_session.user_id);
    IF outcome IN ('rotated', 'repeated') AND (member).user_id IS NULL THEN
        outcome := 'ended';
    END IF;
    IF outcome IN ('reused', 'forged') THEN
        PERFORM identity.revoke_session(v_session.organization_id, p_family_id, outcome);
    END IF;
    RETURN NEXT;
END $$;

-- Whether the session was open until now.
CREATE FUNCTION identity.revoke_session(p_organization_id uuid, p_family_id uuid, p_reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE core.sessions s SET revoked_at = now(), revoked_reason = p_reason
     WHERE s.organization_id = p_organization_id AND s.family_id = p_family_id AND s.revoked_at IS NULL;
    RETURN FOUND;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA identity FROM PUBLIC;
GRANT USAGE ON TYPE identity.new_session, identity.member TO footnote_auth;
GRANT EXECUTE ON FUNCTION
    identity.register, identity.begin_login, identity.complete_login,
    identity.find_sealed_key, identity.rotate_session, identity.revoke_session
    TO footnote_auth;
RESET ROLE;
