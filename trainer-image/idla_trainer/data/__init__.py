"""Examples from files: read, checked, split and described, with numpy alone."""
