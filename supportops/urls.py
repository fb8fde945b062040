"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inquiry"), name="root"),
    path("ui/", include("tickets.urls")),
    path("ops/", admin.site.urls),
    path("api/v1/", include("supportops.api_urls")),
]
