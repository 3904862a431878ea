// Runs where the browser handles audio: passes on what the microphone hears, as one channel.

class Recorder extends AudioWorkletProcessor {
  process([channels]) {
    if (channels[0]) this.port.postMessage(channels[0].slice());
    return true;
  }
}

registerProcessor("sonoglot-recorder", Recorder);
