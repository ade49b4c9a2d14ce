-- Visits that cannot be this person's: [visit, why].
ALTER TABLE transitions.patient ADD COLUMN alarms text NOT NULL DEFAULT '[]';
CREATE INDEX patient_alarms_idx ON transitions.patient (patient_id) WHERE alarms <> '[]';
