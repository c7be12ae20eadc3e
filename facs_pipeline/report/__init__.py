"""What has been run, as one HTML file to read: gathered from result folders, drawn as SVG, rendered by templates."""
