# The course on a CPU, in JupyterLab at the address that is printed:
#   docker build -t arlearn . && docker run -p 8888:8888 arlearn
# A volume keeps what you do there: docker run -p 8888:8888 -v arlearn:/home/reader arlearn
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home reader

USER reader
RUN mkdir /home/reader/course
WORKDIR /home/reader/course
COPY --chown=reader . .

# Without the extra index the newest CUDA libraries, several GB, come along.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
RUN make .venv/.installed-base

EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--ip=0.0.0.0 --no-browser"]
