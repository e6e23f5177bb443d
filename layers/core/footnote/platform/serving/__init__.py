"""What model containers are made of beneath their own contracts: lanes, limits, SageMaker's error bodies."""
