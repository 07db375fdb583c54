"""Sphinx's settings for the course's site; tools/site.py adds pages and the repository's address."""

project = "Variational autoencoders"
copyright = "the vae-course authors; text and figures CC BY 4.0, code MIT"
html_title = "Variational autoencoders"
language = "en"

extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 3

mathjax_path = "mathjax/tex-chtml.js"  # copied there from an installed package: nothing is fetched
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would load more than the site holds

html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css", "play/play.css"]
html_js_files = [("site.js", {"defer": "defer"}), ("play/start.js", {"type": "module"})]
html_show_sphinx = False
html_theme_options = {
    "path_to_docs": "",
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "use_repository_button": True,
    "use_source_button": False,
    "footer_content_items": "copyright.html",
    "show_toc_level": 1,
    "search_bar_text": "Search the course",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
