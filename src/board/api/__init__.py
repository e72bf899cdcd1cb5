"""The board over HTTP: `app.build_api` returns an application to mount at `/api`, described by `/api/openapi.json`."""
