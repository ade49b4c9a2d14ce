-- Events of a patient that name no visit, as the auditor looks them up: merges, links, updates of the person.
CREATE INDEX event_patient_id_idx ON admissions.event (patient_id) WHERE root_id IS NULL;
