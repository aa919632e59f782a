"""The bundled library of well-known papers and the users own additions."""
