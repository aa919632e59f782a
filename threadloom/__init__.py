"""Threadloom: orchestration patterns on LangGraph with runs that can be paused, resumed and inspected."""
