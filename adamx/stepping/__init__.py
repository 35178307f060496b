"""A whole step in one program: from gradients to parameters, rounded well."""
