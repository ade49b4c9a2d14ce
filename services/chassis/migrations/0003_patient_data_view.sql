-- Who saw patient data, when, by which command, and whose: one row before anything is shown. It holds no patient value.
CREATE TABLE baton.patient_data_view (
    view_id   bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT patient_data_view_pkey PRIMARY KEY,
    viewed_at timestamptz NOT NULL,
    viewed_by text NOT NULL,
    command   text NOT NULL,
    subject   text NOT NULL
);
