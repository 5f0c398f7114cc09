// Two short tones for an alert, when somebody asked for them.

import { signal } from "@preact/signals";
import type { AlertKind } from "./contract";

export const sound = signal(false);
let audio: AudioContext | null = null;

/** Browsers allow sound only after a click, so the context is made by the switch. */
export function switchSound() {
  sound.value = !sound.value;
  if (sound.value) {
    audio ??= new AudioContext();
    void audio.resume();
    play("opportunity");
  }
}

const TONES: Record<AlertKind, [number, number]> = { crisis: [660, 440], opportunity: [523, 784] };

export function play(kind: AlertKind) {
  if (!sound.value || !audio) return;
  TONES[kind].forEach((hertz, i) => {
    const begin = audio!.currentTime + i * 0.18;
    const tone = audio!.createOscillator();
    const volume = audio!.createGain();
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, begin);
    volume.gain.exponentialRampToValueAtTime(0.15, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.17);
    tone.connect(volume).connect(audio!.destination);
    tone.start(begin);
    tone.stop(begin + 0.18);
  });
}
