-- Which programme the patient of a discharge belongs to, and the LACE index. Filled when the patient is planned next;
-- `baton refold` has admissions tell of every visit anew.
ALTER TABLE transitions.episode
    ADD COLUMN programme text,
    ADD COLUMN lace      text;

-- A diagnosis was a code alone: until the visit is told anew it stays one, of a system nobody knows.
UPDATE transitions.visit SET document = jsonb_set(document::jsonb, '{diagnoses}', (
    SELECT jsonb_agg(CASE jsonb_typeof(said) WHEN 'string' THEN jsonb_build_object('code', said) ELSE said END)
    FROM jsonb_array_elements(document::jsonb -> 'diagnoses') AS said
))::text
WHERE jsonb_array_length(document::jsonb -> 'diagnoses') > 0;
