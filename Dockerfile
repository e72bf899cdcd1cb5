# The board, for homes other than a Space: docker build -t leaderboard . && docker run -p 7860:7860 -v board:/board leaderboard
# Serves the folder /board; another store: -e BOARD_STORE=hub:OWNER (and -e HF_TOKEN=… where it is to be written to).
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 board && mkdir /board && chown board /board
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py LICENSE README.md ./
COPY src src
COPY assets assets

USER board
ENV BOARD_HOST=0.0.0.0 BOARD_PORT=7860 BOARD_STORE=/board BOARD_CACHE=/home/board/.cache/board PYTHONUNBUFFERED=1
VOLUME /board
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/status.json', timeout=4)"]
CMD ["python", "app.py"]
