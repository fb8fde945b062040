"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from metrics.api.exposition import exposition
from supportops import health
from supportops.api_docs import Docs
from supportops.console import automation
from supportops.console.runbooks import runbook

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inquiry"), name="root"),
    path("ui/", include("tickets.urls")),
    path("ops/runbooks/<slug:kind>/", admin.site.admin_view(runbook), name="runbook"),
    path("ops/automation/", admin.site.admin_view(automation.page), name="automation"),
    path("ops/", admin.site.urls),
    path("api/v1/", include("supportops.api_urls")),
    path("health", health.alive, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", exposition, name="metrics"),
    path("docs/", Docs.as_view(), name="docs"),
]

# JSON below /api/, pages elsewhere.
handler400 = "tickets.api.errors.bad_request"
handler403 = "tickets.api.errors.permission_denied"
handler404 = "tickets.api.errors.not_found"
handler500 = "tickets.api.errors.server_error"
