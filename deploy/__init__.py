"""What it takes to run Baton: the image, compose.yaml's servers, rules, dashboards, runbooks. Not part of the package."""
