"""Calendars (.ics files and addresses): what is on, and when there is time."""
