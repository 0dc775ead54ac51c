"""What the machine has to give: devices behind named states."""
