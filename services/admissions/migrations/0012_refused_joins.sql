-- Why a merge or re-label of visits joined nothing: filled when the visits it names are folded next (`baton refold`).
ALTER TABLE admissions.visit_join ADD COLUMN refused text;
CREATE INDEX visit_join_refused_idx ON admissions.visit_join (event_id) WHERE refused IS NOT NULL;
