-- How often messages were read again under a changed profile (`baton refold --feed`): what a process remembers of long
-- visits holds only as long as this does.
CREATE TABLE admissions.reread (
    single boolean NOT NULL DEFAULT true CONSTRAINT reread_pkey PRIMARY KEY CHECK (single),
    times  bigint NOT NULL
);
INSERT INTO admissions.reread (times) VALUES (0);
