progenitor::generate_api!(spec = "openapi-3.0.json", interface = Builder);
