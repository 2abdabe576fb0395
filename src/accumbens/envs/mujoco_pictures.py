"""Pictures of MuJoCo's physics on a machine without a display.

dm_control decides how to draw when it is first imported, and training imports it with drawing switched off; so this
asks MuJoCo itself, when the first picture is wanted.
"""

import importlib
import os
from typing import Any

import numpy as np
from jaxtyping import UInt8

from accumbens.errors import AccumbensError

BACKENDS = ("egl", "osmesa", "glfw")
_MOST_SHAPES = 10_000


class Camera:
    """Draws one physics, off screen, as its first camera sees it, or from the side if it has none."""

    def __init__(self, physics: Any, width: int, height: int):
        """Open a context of OpenGL: by EGL, by OSMesa, or as the environment variable `MUJOCO_GL` says.

        Args:
            physics: dm_control's.
            width: of the pictures.
            height: of the pictures.

        Raises:
            AccumbensError: there is no way to draw.
        """
        self._mujoco = mujoco = _mujoco()
        self._model, self._data = physics.model.ptr, physics.data.ptr
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._model.vis.global_.offwidth = width
        self._model.vis.global_.offheight = height
        self._gl, self._context = _open(self._model, width, height)
        self._scene = mujoco.MjvScene(self._model, _MOST_SHAPES)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False  # would draw everything twice
        self._camera, self._options = mujoco.MjvCamera(), mujoco.MjvOption()
        if self._model.ncam:
            self._camera.type, self._camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        else:
            mujoco.mjv_defaultFreeCamera(self._model, self._camera)

    def picture(self) -> UInt8[np.ndarray, "height width 3"]:
        """Return red, green and blue of the state that the physics is in."""
        mujoco = self._mujoco
        self._gl.make_current()
        for field in range(self._model.nhfield):
            mujoco.mjr_uploadHField(self._model, self._context, field)  # some tasks draw another ground at every reset
        everything, still = mujoco.mjtCatBit.mjCAT_ALL.value, mujoco.MjvPerturb()
        mujoco.mjv_updateScene(self._model, self._data, self._options, still, self._camera, everything, self._scene)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        pixels = np.empty((self._rect.height, self._rect.width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._rect, self._context)
        return pixels[::-1]

    def close(self) -> None:
        """Give the context back."""
        self._context.free()
        self._gl.free()


def _mujoco() -> Any:
    """MuJoCo, most of whose functions are not declared to type checkers."""
    return importlib.import_module("mujoco")


def _open(model: Any, width: int, height: int) -> tuple[Any, Any]:
    """Return the window system's context, and MuJoCo's in it."""
    mujoco, wanted = _mujoco(), os.environ.get("MUJOCO_GL", "").lower()
    failures = []
    for backend in [wanted] if wanted in BACKENDS else BACKENDS[:2]:
        try:
            gl = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
            gl.make_current()
            context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
            return gl, context
        except Exception as error:  # drivers raise what they like
            failures.append(f"{backend}: {' '.join(str(error).split())}")
            os.environ.pop("PYOPENGL_PLATFORM", None)  # MuJoCo sets it, and then refuses every other backend
    raise AccumbensError(
        f"MuJoCo cannot draw without a display ({'; '.join(failures)}). Install EGL or OSMesa (on Debian libegl1 or "
        "libosmesa6), or set MUJOCO_GL to one of " + ", ".join(BACKENDS)
    )
