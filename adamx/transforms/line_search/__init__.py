"""Line searches and L-BFGS."""
