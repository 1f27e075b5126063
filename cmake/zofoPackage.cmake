# The .deb packages are defined here.
