# The public names, in the order of the method: read by type checkers, and by lazy_loader at run time.
# ruff: isort: skip_file

from .video.reader import Frame as Frame, read_frames as read_frames
from .faces.tracker import FaceTracker as FaceTracker, TrackedFace as TrackedFace
from .foundation.one_euro_filter import OneEuroFilter as OneEuroFilter
from .landmarks.model import LandmarkModel as LandmarkModel, default_landmarks as default_landmarks
from .landmarks.loading import load_landmarks as load_landmarks
from .landmarks.pose import head_pose as head_pose
from .features.registration import registered_texture as registered_texture
from .features.lbp import lbp_histograms as lbp_histograms
from .features.hog import hog as hog
from .features.shape_modes import registered_landmarks as registered_landmarks
from .features.vector import face_features as face_features
from .action_units.names import AU_NAMES as AU_NAMES
from .action_units.model import ActionUnitModel as ActionUnitModel
from .action_units.pairwise_products import PairwiseProducts as PairwiseProducts
from .action_units.kernel_correction import KernelCorrection as KernelCorrection
from .action_units.bilateral_filter import BilateralFilter as BilateralFilter
from .action_units.baseline import resting_intensity as resting_intensity, subtract_resting as subtract_resting
from .action_units.training.svr_ensemble import SVREnsemble as SVREnsemble
from .foundation.regression.ridge import BatchedRidge as BatchedRidge
from .dynamics.blinks import count_blinks as count_blinks
from .dynamics.events import find_events as find_events
from .dynamics.resampling import smooth_series as smooth_series
from .dynamics.descriptors import describe_series as describe_series, descriptor_names as descriptor_names
from .dynamics.descriptor_transformer import FacialActivityDescriptor as FacialActivityDescriptor
from .tables.reader import read_au_table as read_au_table
from .authenticity.rank_svm import RankSVM as RankSVM
from .analysis.analyser import FaceAnalyser as FaceAnalyser
from .analysis.face import AnalysedFace as AnalysedFace
from .analysis.calls import analyse_image as analyse_image, analyse_video as analyse_video
from .extraction.run import extract_features as extract_features
from .extraction.options import Options as Options
from .extraction.stills import measure_stills as measure_stills
from .extraction.stills_run import extract_stills as extract_stills
from .live.analyser import LiveAnalyser as LiveAnalyser
from .live.frames import LiveFace as LiveFace, LiveFrame as LiveFrame, Mark as Mark
from .extraction.table_descriptors import describe_tables as describe_tables
from .extraction.table_events import find_table_events as find_table_events
from .study.loaded import Results as Results, load as load
from .explanations.run import explain_action_units as explain_action_units
from .explanations.emotion_run import predict_emotions as predict_emotions
from .explanations.action_units import explain_action_unit as explain_action_unit
from .foundation.progress import Progress as Progress
from .foundation.errors import (
    BusyError as BusyError,
    FacsError as FacsError,
    InputError as InputError,
    ModelError as ModelError,
    VideoError as VideoError,
)

__version__: str
