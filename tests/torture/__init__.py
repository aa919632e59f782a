"""Many runs over several processes that are killed and frozen at random, until all have ended."""
