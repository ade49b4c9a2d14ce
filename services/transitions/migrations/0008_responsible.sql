-- Whether somebody said after a miss that nobody has to act, and the role that owes a deadline.
ALTER TABLE transitions.deadline
    ADD COLUMN waived boolean NOT NULL DEFAULT false,
    ADD COLUMN responsible text NOT NULL DEFAULT 'coordinator';
