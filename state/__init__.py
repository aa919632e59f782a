"""What flows through the graphs: typed records, reducers and input schemas. Imports nothing of ours."""
